import FoleyKit
import Foundation

/// What became of one item: a line of `results.jsonl`.
struct BatchRecord: Codable, Sendable {
  enum Status: String, Codable { case done, failed }

  var id: String
  var video: String
  var status: Status
  /// Files in the output folder, by their paths within it, the sound first; empty where the item failed.
  var outputs: [String] = []
  var seed: UInt64?
  /// Of the clip, the model, the parameters and the kinds of files: equal hashes, equal bytes.
  var hash: String?
  /// As `foley generate` would have ended; 124 after a timeout.
  var exitCode: Int32 = 0
  var error: String?
  var attempts = 1
  /// Of wall clock, over all attempts.
  var seconds = 0.0
  /// Of the sound.
  var samples: Int?
  /// Seconds of sound per second of the pipeline's work.
  var speed: Double?
  /// Of the process that did it, in bytes.
  var peakMemory: Int?
  var warnings: [String]?

  static let timedOut: Int32 = 124

  var isTemporary: Bool { status == .failed && exitCode == 75 }

  static func failure(
    of item: BatchItem, _ exitCode: Int32, _ error: String, attempts: Int = 1
  ) -> BatchRecord {
    BatchRecord(
      id: item.id, video: item.video, status: .failed, exitCode: exitCode, error: error,
      attempts: attempts)
  }
}

/// What a worker process is asked: a line on its standard input.
struct BatchTask: Codable, Sendable {
  var item: BatchItem
  /// Of an earlier run whose outputs are all there: if it still is what it would be, nothing is to be done.
  var known: String?
}

/// What a worker process says: a line on its standard output. One of these is set.
struct BatchReply: Codable, Sendable {
  /// Files to remove should the process be killed.
  var unfinished: [String]?
  var record: BatchRecord?
  /// The known hash holds.
  var isUnchanged: Bool?
}
