import Foundation
import TestSupport
import Testing

/// What a finished run of the program left behind.
struct Run {
  let status: Int32
  let output: Data
  let error: String

  var text: String { String(decoding: output, as: UTF8.self) }

  func object() throws -> [String: Any] {
    try #require(
      JSONSerialization.jsonObject(with: output) as? [String: Any], "not a JSON object: \(text)")
  }
}

/// The real binary, run as a person would.
enum Program {
  /// Built into the same folder as the tests.
  static let binary: URL = {
    if let given = ProcessInfo.processInfo.environment["FOLEY_BINARY"] {
      return URL(fileURLWithPath: given)
    }
    return URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent("foley")
  }()

  /// Runs it to its end.
  static func run(
    _ arguments: [String], in folder: URL, environment: [String: String] = [:], input: URL? = nil,
    megabytes: Int? = nil
  ) throws -> Run {
    let process = try start(
      arguments, in: folder, environment: environment, input: input, megabytes: megabytes)
    process.waitUntilExit()
    return try finished(process, in: folder)
  }

  /// A run under way, its outputs in files: pipes would have to be emptied meanwhile.
  ///
  /// - Parameter megabytes: the address space it gets; nil: no limit.
  static func start(
    _ arguments: [String], in folder: URL, environment: [String: String] = [:], input: URL? = nil,
    megabytes: Int? = nil
  ) throws -> Process {
    let process = Process()
    process.executableURL = binary
    process.arguments = arguments
    if let megabytes {
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments =
        ["-c", "ulimit -v \(megabytes * 1000) && exec \"$0\" \"$@\"", binary.path] + arguments
    }
    process.currentDirectoryURL = folder
    var variables = ProcessInfo.processInfo.environment
    // The models of the repository, and nothing else of this machine.
    variables["FOLEY_MODELS"] = Shared.repository.appendingPathComponent("Models").path
    variables["COLUMNS"] = "100"
    variables.merge(environment) { $1 }
    process.environment = variables
    process.standardInput = try input.map(FileHandle.init(forReadingFrom:)) ?? .nullDevice
    process.standardOutput = try emptyFile(".output", in: folder)
    process.standardError = try emptyFile(".error", in: folder)
    try process.run()
    return process
  }

  static func finished(_ process: Process, in folder: URL) throws -> Run {
    try #require(process.terminationReason == .exit, "the program crashed")
    return Run(
      status: process.terminationStatus,
      output: try Data(contentsOf: folder.appendingPathComponent(".output")),
      error: String(
        decoding: try Data(contentsOf: folder.appendingPathComponent(".error")), as: UTF8.self))
  }

  /// Until the first step of the sampler is told, as it is with `--progress json`.
  static func waitForStep(_ process: Process, in folder: URL) throws {
    let url = folder.appendingPathComponent(".error")
    for _ in 0..<600 {
      let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
      if text.contains(#""event":"step""#) { return }
      try #require(process.isRunning, "it ended by itself: \(text)")
      Thread.sleep(forTimeInterval: 0.1)
    }
    process.terminate()
    Issue.record("no step within a minute")
  }

  private static func emptyFile(_ name: String, in folder: URL) throws -> FileHandle {
    let url = folder.appendingPathComponent(name)
    try Data().write(to: url)
    return try FileHandle(forWritingTo: url)
  }
}

/// Names of the files in a folder, without the program's outputs.
func files(in folder: URL) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: folder.path)
    .filter { !$0.hasPrefix(".") }.sorted()
}

/// Bytes of the file.
func size(of name: String, in folder: URL) throws -> Int {
  let values = try folder.appendingPathComponent(name).resourceValues(forKeys: [.fileSizeKey])
  return try #require(values.fileSize)
}
