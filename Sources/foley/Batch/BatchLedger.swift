import FoleyKit
import Foundation
import Synchronization

/// `results.jsonl`: one final record of each item that was tried, on the disk before the next one begins.
///
/// Records of an earlier run stay while they may still hold. While a batch works, each new record is appended in one
/// write, and the last record of an item counts; at the end the file is written anew in the order of the manifest and
/// replaces the old one in one step.
final class BatchLedger: Sendable {
  struct Counts: Encodable, Sendable {
    var items: Int?
    var done = 0
    var unchanged = 0
    var failed = 0
    var finished: Int { done + unchanged + failed }
    /// Failures that another run may not have.
    var temporary = 0
  }

  private struct State {
    var descriptor: Int32
    let lock: Int32
    var earlier: [String: BatchRecord]
    var records: [String: BatchRecord] = [:]
    var counts: Counts
    var failure: FoleyError?
  }

  let path: String
  private let state: Mutex<State>
  private let told: @Sendable (BatchRecord, Bool, Counts) -> Void

  /// - Parameters:
  ///   - items: those of this run; nil where they come one by one.
  ///   - told: of every item, whether its record is an earlier one, in the order in which they end.
  /// - Throws: where the file cannot be written, or another process is at work on it.
  init(
    folder: BatchFolder, shard: BatchShard?, items: [BatchItem]?,
    told: @escaping @Sendable (BatchRecord, Bool, Counts) -> Void
  ) throws(FoleyError) {
    self.told = told
    path =
      folder.path + "/results" + (shard.map { "-\($0.number)-of-\($0.count)" } ?? "") + ".jsonl"
    let lock = try BatchLedger.locked(path)
    var earlier: [String: BatchRecord] = [:]
    if let data = FileManager.default.contents(atPath: path) {
      for line in data.split(separator: UInt8(ascii: "\n")) {
        // A line that a killed run did not come to write whole is none.
        guard let record = try? JSONDecoder().decode(BatchRecord.self, from: line) else { continue }
        earlier[record.id] = record
      }
    }
    // What is not asked for any more has no record; what has failed is tried again.
    let wanted = items.map { Set($0.map(\.id)) }
    earlier = earlier.filter { $1.status == .done && wanted?.contains($0) ?? true }
    let kept = earlier.values.sorted { $0.id < $1.id }
    try BatchLedger.replace(path, with: kept)
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
    guard descriptor >= 0 else { throw BatchLedger.failure(path, errno) }
    state = Mutex(
      State(
        descriptor: descriptor, lock: lock, earlier: earlier, counts: Counts(items: items?.count)))
  }

  /// The hash of an item's earlier record if the files it tells of are where they are to be.
  func knownHash(of item: BatchItem, in folder: BatchFolder) -> String? {
    guard let record = state.withLock({ $0.earlier[item.id] }), let sound = record.outputs.first,
      folder.path + "/" + sound == folder.sound(of: item),
      record.outputs.allSatisfy({ FileManager.default.fileExists(atPath: folder.path + "/" + $0) })
    else { return nil }
    return record.hash
  }

  /// The earlier record of an item holds.
  func keep(_ item: BatchItem) {
    let (record, counts) = state.withLock { state in
      guard let record = state.earlier.removeValue(forKey: item.id) else {
        preconditionFailure("an unchanged item without a record")
      }
      state.records[item.id] = record
      state.counts.unchanged += 1
      return (record, state.counts)
    }
    told(record, true, counts)
  }

  /// An item is finished, well or not.
  func add(_ record: BatchRecord) {
    let counts = state.withLock { state in
      state.earlier[record.id] = nil
      state.records[record.id] = record
      if record.status == .done { state.counts.done += 1 } else { state.counts.failed += 1 }
      if record.isTemporary { state.counts.temporary += 1 }
      do throws(FoleyError) {
        try BatchLedger.write(JSON.text(record, pretty: false) + "\n", state.descriptor, path)
      } catch {
        state.failure = state.failure ?? error
      }
      return state.counts
    }
    told(record, false, counts)
  }

  /// Whether records can still be written.
  var failure: FoleyError? { state.withLock { $0.failure } }
  var counts: Counts { state.withLock { $0.counts } }

  /// Puts the records into the order of the items.
  func finish(_ items: [BatchItem]) throws(FoleyError) {
    let failure: FoleyError? = state.withLock { state in
      let all = state.records.merging(state.earlier) { new, _ in new }
      defer {
        close(state.descriptor)
        unlink(path + ".lock")
        close(state.lock)
      }
      if let failure = state.failure { return failure }
      do throws(FoleyError) {
        try BatchLedger.replace(path, with: items.compactMap { all[$0.id] })
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  // MARK: The file

  /// Opens a file beside the records that says by its lock that they are being written.
  private static func locked(_ path: String) throws(FoleyError) -> Int32 {
    let name = path + ".lock"
    while true {
      let lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      guard lock >= 0 else { throw failure(path, errno) }
      if flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK {
        close(lock)
        throw .busy(file: path)
      }
      // Whoever held the lock before may just have removed the file.
      var (opened, named) = (stat(), stat())
      if fstat(lock, &opened) == 0, stat(name, &named) == 0, opened.st_ino == named.st_ino {
        return lock
      }
      close(lock)
    }
  }

  private static func replace(_ path: String, with records: [BatchRecord]) throws(FoleyError) {
    let partial = path + ".partial"
    let file = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard file >= 0 else { throw failure(path, errno) }
    defer { close(file) }
    try write(records.map { JSON.text($0, pretty: false) + "\n" }.joined(), file, path)
    guard fsync(file) == 0, rename(partial, path) == 0 else { throw failure(path, errno) }
  }

  private static func write(_ text: String, _ file: Int32, _ path: String) throws(FoleyError) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failure(path, errno) }
      bytes = bytes.dropFirst(count)
    }
  }

  private static func failure(_ path: String, _ number: Int32) -> FoleyError {
    .cannotCreate(file: path, reason: String(cString: strerror(number)))
  }
}
