import Foundation
import Media
import Testing

/// Clips made with the `ffmpeg` tool, in a folder of this run that is removed at its end.
enum Clips {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  static let folder: String = {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("foley-media-tests-\(getpid())").path
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    atexit { try? FileManager.default.removeItem(atPath: Clips.folder) }
    return path
  }()

  private final class Cache: @unchecked Sendable {
    let lock = NSLock()
    var locks: [String: NSLock] = [:]

    func lock(for name: String) -> NSLock {
      lock.lock()
      defer { lock.unlock() }
      if let found = locks[name] { return found }
      let new = NSLock()
      locks[name] = new
      return new
    }
  }
  private static let cache = Cache()

  static func path(_ name: String) -> String { folder + "/" + name }

  /// The clip called `name`, made by `ffmpeg ARGUMENTS NAME` the first time.
  static func make(_ name: String, _ arguments: [String]) throws -> String {
    let lock = cache.lock(for: name)
    lock.lock()
    defer { lock.unlock() }
    let path = path(name)
    if FileManager.default.fileExists(atPath: path) { return path }
    _ = try run("ffmpeg", ["-v", "error", "-nostdin", "-y"] + arguments + [path])
    return path
  }

  /// Pictures of 80 x 16 that show their number in binary: bit i is the brightness of column i of
  /// ten.
  ///
  /// - Parameter timing: a filter that gives the frames their times.
  static func counter(rate: String, frames: Int, timing: String? = nil) -> [String] {
    let filters =
      ["geq=lum='16+219*mod(floor(N/pow(2,floor(X/8))),2)':cb=128:cr=128"]
      + (timing.map { [$0] } ?? [])
    return [
      "-f", "lavfi", "-i", "color=s=80x16:r=\(rate):c=black,format=yuv420p",
      "-frames:v", "\(frames)", "-vf", filters.joined(separator: ","), "-fps_mode", "passthrough",
    ]
  }

  /// The number a picture of `counter` shows.
  static func number(_ frame: VideoFrame) throws -> Int {
    let picture = try frame.picture(width: 10, height: 1, format: .gray8)
    return picture.bytes.enumerated().reduce(0) { $0 + ($1.element > 127 ? 1 << $1.offset : 0) }
  }

  /// Runs a tool and returns what it writes to standard output.
  static func run(_ tool: String, _ arguments: [String]) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [tool] + arguments
    let output = Pipe()
    let errors = Pipe()
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    // One after the other is safe: errors are few.
    let data = output.fileHandleForReading.readDataToEndOfFile()
    let complaint = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(
        description: "\(tool) \(arguments.joined(separator: " ")): "
          + String(decoding: complaint, as: UTF8.self))
    }
    return data
  }

  /// The bytes that come out of a named pipe.
  static func readPipe(_ path: String) throws -> Data {
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else { throw Failure(description: "\(path) cannot be opened") }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    return try handle.readToEnd() ?? Data()
  }

  static let h264 = ["-c:v", "libx264", "-preset", "veryfast", "-qp", "10", "-threads", "1"]
  /// Three B-frames between references, used as references themselves.
  static let reordered =
    h264 + ["-bf", "3", "-x264-params", "b-adapt=0:b-pyramid=normal:keyint=24:scenecut=0"]
}

/// What a clip shows: number and time of each frame, and the length.
struct Shown: Equatable {
  var numbers: [Int] = []
  var times: [Rational] = []
  var duration: Rational
  var warnings: [MediaWarning]

  init(_ path: String, start: Double? = nil, end: Double? = nil, threads: Int = 1) throws {
    let reader = try VideoReader(path: path, start: start, end: end, threads: threads)
    while let frame = try reader.next() {
      numbers.append(try Clips.number(frame))
      times.append(frame.time)
    }
    duration = try #require(reader.finalDuration)
    warnings = reader.warnings
  }
}
