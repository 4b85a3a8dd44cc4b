import ArgumentParser
import FoleyKit

/// What becomes of the windows of a long run.
struct ResumeOptions: ParsableArguments {
  @Flag(help: "Leave onsets where they are; else they are moved to the events they belong to.")
  var noAlign = false

  @Flag(
    help:
      "Go on where an interrupted run of the same command stopped; the result is the same bytes.")
  var resume = false

  @Flag(help: "Keep the journal beside the sound, so that `foley retake` can change a part of it.")
  var keepJournal = false

  /// The journal of a run; nil where the sound goes into a pipe.
  ///
  /// - Parameter stem: the part that is made, where there are several.
  func journal(
    _ plan: OutputPlan, _ pipeline: Pipeline, _ request: GenerationRequest,
    stem: StemArgument? = nil
  ) throws -> Journal? {
    guard let path = stem.map({ plan.path(of: $0) + ".journal" }) ?? plan.journal else {
      guard !resume && !keepJournal else {
        throw FoleyError.usage(
          "--resume and --keep-journal need the sound in a file, not in a pipe.")
      }
      return nil
    }
    guard !keepJournal || !plan.delivery.needsWholeSound else {
      throw FoleyError.usage(
        "--keep-journal is for a sound that `foley retake` can change a part of; with --loudness, --channels 2 and "
          + "what else shapes the whole, a part would change all of it.")
    }
    let head = try pipeline.journalHead(request, output: plan.described)
    return try Journal(path: path, head: head, resumes: resume, isKept: keepJournal)
  }
}

extension OutputPlan {
  /// What a retake has to know to write the same kind of file.
  var described: [String: String] {
    ["format": format.rawValue, "bit depth": bitDepth.rawValue]
  }
}
