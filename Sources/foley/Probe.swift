import ArgumentParser
import CPUBackend
import FoleyKit
import Foundation
import Media

struct Probe: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a clip is and what would be made of it.",
    discussion: """
      Reads the clip's headers and its first picture; loads no model weights.
      With --events it watches the whole clip.

      Examples:
        foley probe clip.mp4
        foley probe clip.mp4 --json
        foley probe clip.mp4 --events events.json
      """)

  @Argument(help: "The video.", completion: .file())
  var clip: String

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Begin here in the clip.", valueName: "time"))
  var start: TimeArgument?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("End here in the clip.", valueName: "time"))
  var end: TimeArgument?

  @Option(
    name: [.short, .long], help: ArgumentHelp("A model's name, or its folder.", valueName: "name"))
  var model = "mini"

  @Option(
    help: ArgumentHelp(
      "Watch the whole clip and write the events seen in it, as JSON.", valueName: "file"))
  var events: String?

  @Flag(help: "Print a JSON object.")
  var json = false

  func validate() throws {
    if clip.isEmpty { throw ValidationError("Name a video.") }
    try TimeArgument.checkRange(from: start, to: end)
  }

  func run() throws {
    var result = try ProbeResult(
      clip: clip, start: start?.seconds, end: end?.seconds, model: model)
    if let events { try watch(&result, into: events) }
    Terminal.output(json ? JSON.text(result) + "\n" : ProbeResult.text(result.lines))
  }
}

extension Probe {
  private func watch(_ result: inout ProbeResult, into path: String) throws {
    let pictures = try ModelFamilies.describe(ModelFolder.find(model)).pictures(prompt: "")
    let seen = try Observation(
      of: clip, start: start?.seconds, end: end?.seconds, pictures: pictures)
    for warning in seen.warnings { Terminal.error("Warning: \(warning)\n") }
    let motion = seen.motion
    try EventFile(events: motion.events, cuts: motion.cuts, energy: motion.energy).write(to: path)
    result.seen = ProbeResult.Seen(
      events: motion.events.count, cuts: motion.cuts.count, seconds: seen.seconds,
      processorSeconds: seen.processorSeconds, speed: seen.plan.seconds / max(seen.seconds, 1e-6))
  }
}

/// A clip's facts and the plan for it.
struct ProbeResult: Encodable {
  struct Clip: Encodable {
    var path: String
    var container: String
    var codec: String
    /// As displayed, after rotation.
    var width: Int
    var height: Int
    var rotation: Int
    var pixelFormat: String
    var framesPerSecond: Double?
    /// As the headers state it.
    var seconds: Double?
    var startTime: Double
    /// Of the first picture, where the file has one.
    var timecode: String?
    var audioCodec: String?
    var isStill: Bool
  }

  struct Plan: Encodable {
    /// Seconds and samples of sound, and windows of eight seconds; absent where the headers do not say.
    var seconds: Double?
    var samples: Int?
    var windows: Int?
    var sampleRate: Int
    var model: String
    var modelFolder: String
    /// Bytes a run takes, on the safe side: with all networks kept, and with those of a published model in turns, as
    /// `--ram-budget` has it.
    var memory: Int
    var leastMemory: Int
  }

  /// What came of watching the clip.
  struct Seen: Encodable {
    var events: Int
    var cuts: Int
    /// It took so long, and so much work of all processors together.
    var seconds: Double
    var processorSeconds: Double
    /// Times real time.
    var speed: Double
  }

  var clip: Clip
  var plan: Plan
  var seen: Seen?

  init(clip path: String, start: Double?, end: Double?, model: String) throws {
    let reader = try VideoReader(path: path, start: start, end: end)
    let information = reader.information
    clip = Clip(
      path: path, container: information.container, codec: information.codec,
      width: information.width, height: information.height, rotation: information.rotation,
      pixelFormat: information.pixelFormat, framesPerSecond: information.frameRate,
      seconds: information.duration?.seconds, startTime: information.startTime.seconds,
      timecode: information.timecode?.description,
      audioCodec: information.audioCodec, isStill: information.isStill)
    let folder = try ModelFolder.find(model)
    let need = try ModelFamilies.describe(folder)
      .memoryNeed(precision: nil, on: CPUBackend(threads: 1))
    let pictures = MemoryNeed.ofPictures(width: information.width, height: information.height)
    let windows =
      information.isStill
      ? WindowPlan(samples: WindowPlan.length * Clock.sampleRate)
      : reader.expectedDuration.map { WindowPlan(duration: $0) }
    plan = Plan(
      seconds: windows?.seconds, samples: windows?.samples, windows: windows?.count,
      sampleRate: Clock.sampleRate, model: folder.name, modelFolder: folder.path,
      memory: need.whole + pictures, leastMemory: need.least + pictures)
  }

  /// Names and values for people.
  var lines: [(String, String)] {
    func seconds(_ value: Double?) -> String {
      value.map { String(format: "%.3f s", $0) } ?? "unknown until read"
    }
    var video = "\(clip.codec), \(clip.width) x \(clip.height), \(clip.pixelFormat)"
    if let rate = clip.framesPerSecond { video += String(format: ", %.2f frames/s", rate) }
    if clip.rotation != 0 { video += ", turned by \(clip.rotation) degrees" }
    var watched: [(String, String)] = []
    if let seen {
      watched.append(("seen in it", "\(seen.events) events, \(seen.cuts) cuts"))
      let times = String(
        format: "%.2f s, %.1fx real time, %.2f s of processor time", seen.seconds, seen.speed,
        seen.processorSeconds)
      watched.append(("watched in", times))
    }
    var memory = ByteCount(plan.memory).description
    if plan.leastMemory < plan.memory {
      memory += ", or \(ByteCount(plan.leastMemory)) with --ram-budget"
    }
    return [
      ("clip", clip.path),
      ("container", clip.container),
      ("video", video),
      ("length", clip.isStill ? "a still picture" : seconds(clip.seconds)),
      ("time code", clip.timecode ?? "none"),
      ("sound in it", clip.audioCodec ?? "none"),
      ("to be made", plan.samples.map { "\(seconds(plan.seconds)), \($0) samples" } ?? "unknown"),
      ("windows", plan.windows.map(String.init) ?? "unknown"),
      ("model", "\(plan.model) (\(plan.modelFolder))"),
      ("memory", memory),
    ] + watched
  }

  static func text(_ lines: [(String, String)]) -> String {
    let width = lines.map(\.0.count).max() ?? 0
    return lines.map { name, value in
      name.padding(toLength: width + 2, withPad: " ", startingAt: 0) + value + "\n"
    }.joined()
  }
}
