import Foundation
import TestSupport
import Testing

/// A model of the published XL sizes with random weights, made by `foley-bench random-checkpoint` and run
/// through the real binary. It needs minutes, 8 GB of disk and 9 GB of memory, so it has to be asked for.
@Suite(.serialized, .enabled(if: FullSize.hindrance == nil, "\(FullSize.hindrance ?? "")"))
struct FullSizeTests {
  /// 8 GiB: what a run of XL may take.
  private static let limit = 8 << 30

  @Test func aClipOfEightSeconds() throws {
    let model = try FullSize.model()
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 8, in: folder)
      let verified = try Program.run(["models", "verify", model.path, "--json"], in: folder)
      #expect(verified.status == 0, "\(verified.error)")

      let run = try Program.run(
        ["generate", "clip.mp4", "-p", "a hammer", "-m", model.path, "--steps", "2", "--json"],
        in: folder)
      #expect(run.status == 0, "\(run.error)")
      let report = try run.object()
      print("full size: \(run.text)")
      #expect(report["samples"] as? Int == 384_000)
      #expect(try #require(report["peakMemory"] as? Int) <= Self.limit)
      let wave = try Wave(folder.appendingPathComponent("clip.wav"))
      #expect(wave.samples.contains { abs($0) > 0.001 })
    }
  }

  /// Two windows in a budget that cannot hold all networks at once.
  @Test func aTightBudget() throws {
    let model = try FullSize.model()
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 8.4, in: folder)
      let run = try Program.run(
        [
          "generate", "clip.mp4", "-p", "a hammer", "-m", model.path, "--steps", "1", "--json",
          "--ram-budget", "8G",
        ], in: folder)
      #expect(run.status == 0, "\(run.error)")
      print("full size, two windows: \(run.text)")
      #expect(try #require(run.object()["peakMemory"] as? Int) <= Self.limit)
    }
  }
}

/// Where the full-size model lies, and why it may not be used.
private enum FullSize {
  private static let variable = "FOLEY_FULL_SIZE"
  private static let disk = 8 << 30
  private static let memory = 9 << 30

  private static var folder: String? { ProcessInfo.processInfo.environment[variable] }

  /// Why the tests are skipped; nil: they run.
  static let hindrance: String? = {
    guard let folder else {
      return "\(variable) does not name a folder for a model of 8 GB"
    }
    if !isMade(folder) {
      var status = statvfs()
      let place =
        FileManager.default.fileExists(atPath: folder)
        ? folder : URL(fileURLWithPath: folder).deletingLastPathComponent().path
      guard statvfs(place, &status) == 0 else { return "\(place) is no folder" }
      let free = Int(status.f_bavail) * Int(status.f_frsize)
      guard free >= disk else {
        return "\(place) has \(free >> 20) MB free, \(disk >> 20) are needed"
      }
    }
    let text =
      FileManager.default.contents(atPath: "/proc/meminfo")
      .map { String(decoding: $0, as: UTF8.self) } ?? ""
    let available =
      text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
      .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) } ?? 0
    guard available << 10 >= memory else {
      return "\(available >> 10) MB of memory are free, \(memory >> 20) are needed"
    }
    return nil
  }()

  private static func isMade(_ folder: String) -> Bool {
    FileManager.default.fileExists(atPath: folder + "/config.yaml")
  }

  /// The model's folder, made the first time. Its configuration is written last.
  static func model() throws -> URL {
    let folder = try #require(folder)
    if !isMade(folder) {
      let process = Process()
      process.executableURL = Program.binary.deletingLastPathComponent()
        .appendingPathComponent("foley-bench")
      process.arguments = ["random-checkpoint", "--model", "xl", "-o", folder]
      try process.run()
      process.waitUntilExit()
      try #require(process.terminationStatus == 0, "foley-bench random-checkpoint failed")
    }
    return URL(fileURLWithPath: folder)
  }
}
