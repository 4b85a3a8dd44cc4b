import Foundation
import Media

/// The windows a run has made, on the disk beside its sound: what an interrupted run goes on from, and what a
/// retake changes a part of.
///
/// The first record says whose windows these are (`JournalHead`), each other one holds the latents of a window.
/// The last record of a window counts. Appended and synced after every window; the first window that is not the
/// last makes the file, so short clips make none. Whoever holds it open holds a lock on it.
public final class Journal {
  private let path: String
  private let head: JournalHead
  private let isKept: Bool
  private var file: FileHandle?
  /// Where the record of each window begins.
  private var places: [Int: UInt64] = [:]

  /// How many windows there are from an earlier run.
  public let found: Int

  /// - Parameters:
  ///   - resumes: go on from a journal of the same run that lies there. Otherwise it is replaced, once there is
  ///     something to put in its place.
  ///   - isKept: stays when the run is done, so that parts of the sound can be made again.
  /// - Throws: where another process writes it, or where it is of another run.
  public init(path: String, head: JournalHead, resumes: Bool, isKept: Bool = false) throws {
    (self.path, self.head, self.isKept) = (path, head, isKept)
    guard FileManager.default.fileExists(atPath: path) else {
      found = 0
      return
    }
    let file = try Journal.open(path, creates: false)
    guard resumes else {
      // Its lock has told that nobody is at work on it.
      try file.close()
      found = 0
      return
    }
    let contents = try JournalContents(file, path: path)
    try contents.require(
      head.identity, file: path, otherwise: ". Without --resume the sound is made from the start")
    places = contents.places
    found = places.count
    try file.truncate(atOffset: contents.end)
    try file.seek(toOffset: contents.end)
    self.file = file
  }

  /// Makes a journal of the windows in other ones, for the run that has them all.
  ///
  /// - Parameters:
  ///   - parts: in order, each with the windows it is to have.
  ///   - head: of all of them.
  /// - Throws: where one cannot be read, is of another run, or lacks a window.
  public static func gather(
    _ parts: [(path: String, part: FilmPlan.Part)], head: JournalHead, into path: String
  ) throws {
    let whole = try begin(path, head)
    defer { try? whole.close() }  // What counts has been synced.
    for (source, part) in parts {
      let file = try open(source, creates: false)
      defer { try? file.close() }  // Nothing was written.
      let contents = try JournalContents(file, path: source)
      try contents.require(head.identity, file: source)
      for window in part.windows {
        guard let place = contents.places[window] else {
          throw FoleyError.badData(
            file: source,
            reason: "lacks window \(window + 1): it is no whole part \(part.number)")
        }
        try file.seek(toOffset: place)
        guard let payload = try JournalRecord.next(in: file) else {
          throw FoleyError.badData(file: source, reason: "changed while it was read")
        }
        try writing(path) { try whole.write(contentsOf: JournalRecord.framed(payload)) }
      }
    }
    try writing(path) { try whole.synchronize() }
  }

  deinit { try? file?.close() }  // What counts has been synced.

  /// The latents of a window an earlier run has made, [rows, channels].
  ///
  /// - Parameter expected: the place of its latents in this run.
  func latents(of index: Int, channels: Int, at expected: Range<Int>) throws -> [Float]? {
    guard let file, let place = places[index] else { return nil }
    let end = try file.seekToEnd()
    defer { try? file.seek(toOffset: end) }  // A place that has just been read.
    try file.seek(toOffset: place)
    guard let payload = try JournalRecord.next(in: file), let window = JournalWindow(payload),
      window.index == index, window.channels == channels, window.range == expected
    else {
      throw FoleyError.badData(file: path, reason: "window \(index + 1) does not fit this clip")
    }
    return window.latents
  }

  /// Keeps a window's latents, on the disk when this returns.
  func record(_ window: JournalWindow, isLast: Bool) throws {
    if file == nil && isLast && !isKept { return }
    try Journal.writing(path) {
      let file = try self.file ?? Journal.begin(path, head)
      self.file = file
      let place = try file.offset()
      try file.write(contentsOf: JournalRecord.framed(window.payload))
      try file.synchronize()
      places[window.index] = place
    }
  }

  /// The sound is complete: a journal that is not to be kept goes.
  public func finish() throws {
    guard let file, !isKept else { return }
    unlink(path)
    try file.close()
    self.file = nil
  }

  // MARK: The file

  private static func begin(_ path: String, _ head: JournalHead) throws -> FileHandle {
    let file = try open(path, creates: true)
    try file.truncate(atOffset: 0)
    try file.write(contentsOf: JournalRecord.framed(head.payload))
    return file
  }

  /// Opens and locks it. The lock goes with the process, however it ends.
  static func open(_ path: String, creates: Bool) throws(FoleyError) -> FileHandle {
    let descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC | (creates ? O_CREAT : 0), 0o666)
    guard descriptor >= 0 else {
      throw .cannotCreate(file: path, reason: String(cString: strerror(errno)))
    }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
      throw .busy(file: path)
    }
    return file
  }

  private static func writing(_ path: String, _ work: () throws -> Void) throws {
    do {
      try work()
    } catch let error as FoleyError {
      throw error
    } catch {
      let system = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
      throw MediaError.cannotWrite(
        file: path,
        reason: system.map { String(cString: strerror(Int32($0.code))) }
          ?? error.localizedDescription)
    }
  }
}

/// A journal as it is read: its head, and where each window's last whole record stands.
public struct JournalContents {
  public let head: JournalHead
  let places: [Int: UInt64]
  /// How far they reach.
  let latents: Int
  /// Where the last whole record ends.
  let end: UInt64

  /// How far they reach, in seconds of the sound.
  public var seconds: Double { Double(latents) / Double(Clock.latentRate) }

  /// - Throws: where there is no journal that can be read, or another process writes it.
  public init(_ path: String) throws {
    let file = try Journal.open(path, creates: false)
    defer { try? file.close() }  // Nothing was written.
    try self.init(file, path: path)
  }

  /// - Parameter advice: ends the sentence.
  /// - Throws: where it is not of the run that is asked for.
  func require(
    _ identity: RunIdentity, file path: String, otherwise advice: String = ""
  ) throws(FoleyError) {
    let differences = identity.differences(from: head.identity)
    guard differences.isEmpty else {
      throw .badData(
        file: path,
        reason: "is of another run; it differs in: \(differences.joined(separator: ", "))\(advice)")
    }
  }

  /// - Throws: where not even the head is whole.
  init(_ file: FileHandle, path: String) throws {
    try file.seek(toOffset: 0)
    guard let payload = try JournalRecord.next(in: file), let head = JournalHead(payload) else {
      throw FoleyError.badData(
        file: path,
        reason: "is no journal of foley, or its beginning is damaged; remove it and start again")
    }
    self.head = head
    var places: [Int: UInt64] = [:]
    var end = try file.offset()
    var latents = 0
    while let payload = try JournalRecord.next(in: file), let window = JournalWindow(payload) {
      places[window.index] = end
      latents = max(latents, window.range.upperBound)
      end = try file.offset()
    }
    (self.places, self.latents, self.end) = (places, latents, end)
  }
}
