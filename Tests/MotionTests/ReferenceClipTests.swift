import Foundation
import Motion
import TestSupport
import Testing

/// Rendered, encoded and decoded clips with exact event times (Scripts/clips/render.py, set small).
@Suite("Motion analyser on the reference clips")
struct ReferenceClipTests {
  private struct Clip: Decodable {
    struct Event: Decodable {
      var time: Double
      var strength: Double
    }
    var name: String
    var cuts: [Double]
    var events: [Event]
  }

  @Test("F1 and offset over all clips")
  func clips() throws {
    guard let python = tool("python3", ["-c", "import numpy"]), tool("ffmpeg", ["-version"]) != nil,
      tool("ffprobe", ["-version"]) != nil
    else {
      print("skipped: the reference clips need python3 with numpy, ffmpeg and ffprobe")
      return
    }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "foley-clips-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let script = Shared.repository.appendingPathComponent("Scripts/clips/render.py").path
    _ = try run(python, [script, folder.path, "--set", "small"])

    var (hits, extra, missed) = (0, 0, 0)
    var offsets: [Double] = []
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    for file in files where file.hasSuffix(".json") {
      let clip = try JSONDecoder().decode(
        Clip.self, from: Data(contentsOf: folder.appendingPathComponent(file)))
      let result = track(try decode(folder.appendingPathComponent(clip.name + ".mp4").path))
      let score = matched(result.strong, clip.events.map(\.time))
      // Weak contacts are neither required nor wrong.
      let required = clip.events.filter { $0.strength >= 0.3 }.map(\.time)
      let lost = required.count(where: { event in
        !result.strong.contains { abs($0 - event) <= 0.08 }
      })
      hits += score.offsets.count
      extra += score.extra
      missed += lost
      offsets += score.offsets
      #expect(result.cuts.count == clip.cuts.count, "\(clip.name): cuts at \(result.cuts)")
      // Things that fly past each other cover one another, which may look like a stop once in a
      // while.
      let tolerated = clip.name == "passing" ? 1 : 0
      if clip.events.isEmpty {
        #expect(result.strong.count <= tolerated, "\(clip.name): \(result.strong)")
      }
    }
    let precision = Double(hits) / Double(max(hits + extra, 1))
    let recall = Double(hits) / Double(max(hits + missed, 1))
    let f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    print("reference clips: precision \(precision), recall \(recall), F1 \(f1)")
    print("reference clips: median |offset| \(median(offsets.map(abs))) s")
    #expect(f1 >= 0.85)
    #expect(median(offsets.map(abs)) <= 0.015)
  }

  /// The tool's path when it is there and the trial call succeeds.
  private func tool(_ name: String, _ trial: [String]) -> String? {
    for folder in (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":") {
      let path = "\(folder)/\(name)"
      if FileManager.default.isExecutableFile(atPath: path), (try? run(path, trial)) != nil {
        return path
      }
    }
    return nil
  }

  private struct Failure: Error { var description: String }

  private func run(_ path: String, _ arguments: [String]) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    if process.terminationStatus != 0 {
      throw Failure(description: "\(path) \(arguments) ended with \(process.terminationStatus)")
    }
    return data
  }

  /// Grey frames 160 wide with their own times.
  private func decode(_ path: String) throws -> [GrayFrame] {
    let ffprobe = tool("ffprobe", ["-version"])!
    func probe(_ entries: String) throws -> [Double] {
      let text = try run(
        ffprobe,
        ["-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "csv=p=0", path])
      return String(decoding: text, as: UTF8.self)
        .split(whereSeparator: { ",\n".contains($0) }).compactMap { Double($0) }
    }
    let shape = try probe("stream=width,height")
    let times = try probe("frame=best_effort_timestamp_time")
    guard shape.count >= 2, !times.isEmpty else { throw Failure(description: "\(path): no frames") }
    let height = Int((160 * shape[1] / shape[0] / 2).rounded()) * 2
    let raw = [UInt8](
      try run(
        tool("ffmpeg", ["-version"])!,
        [
          "-v", "error", "-i", path, "-vf", "scale=160:\(height):flags=area,format=gray",
          "-fps_mode", "passthrough", "-f", "rawvideo", "-",
        ]))
    let size = 160 * height
    return (0..<min(times.count, raw.count / size)).map {
      GrayFrame(
        time: times[$0] - times[0], width: 160, height: height,
        pixels: Array(raw[$0 * size..<($0 + 1) * size]))
    }
  }
}
