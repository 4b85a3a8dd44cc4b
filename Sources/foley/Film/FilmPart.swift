import FoleyKit
import Foundation

/// An item of a batch that is a part of a film: the journal of its windows, which `foley join` makes sound of.
struct FilmPart {
  /// Of the parts' files.
  static let suffix = ".part"

  private let film: FilmPlan
  private let part: FilmPlan.Part

  /// - Parameter video: where the film lies on this machine.
  /// - Throws: where the plan cannot be read or has no such part.
  init(plan path: String, number: Int, video: String) throws(FoleyError) {
    var film = try FilmPlan(path: path)
    guard number <= film.parts.count else {
      throw .badData(file: path, reason: "has \(film.parts.count) parts, so no part \(number)")
    }
    film.video = video
    (self.film, part) = (film, film.parts[number - 1])
  }

  /// What was begun by a process that was killed is gone on with.
  ///
  /// - Throws: as `Pipeline.make`, and where the film or the model is not what the plan was made for.
  func make(
    _ output: String, in folder: BatchFolder, for task: BatchTask, with pipeline: Pipeline
  ) throws -> BatchReply {
    let path = folder.path + "/" + output
    let began = ContinuousClock.now
    let hash = film.digest(of: part)
    if task.known == hash { return BatchReply(isUnchanged: true) }
    let head = try pipeline.journalHead(film.request)
    try film.require(head.identity)
    let partial = path + ".partial"
    let journal: Journal
    do {
      journal = try Journal(path: partial, head: head, resumes: true, isKept: true)
    } catch FoleyError.badData {
      journal = try Journal(path: partial, head: head, resumes: false, isKept: true)
    }
    try pipeline.make(
      part, of: film, into: journal, shouldStop: { Interruption.requested != nil })
    guard rename(partial, path) == 0 else {
      throw FoleyError.cannotCreate(file: path, reason: String(cString: strerror(errno)))
    }
    let seconds = BatchClock.seconds(since: began)
    return BatchReply(
      record: BatchRecord(
        id: task.item.id, video: task.item.video, status: .done, outputs: [output],
        seed: film.request.seed, hash: hash, seconds: seconds,
        samples: part.samples, speed: (part.end - part.start) / max(seconds, 1e-9),
        peakMemory: ProcessMeasure.peakMemory))
  }
}
