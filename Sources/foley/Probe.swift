import ArgumentParser
import FoleyKit
import Foundation
import Media

struct Probe: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a clip is and what would be made of it.",
    discussion: """
      Reads the clip's headers and its first picture; loads no model weights.

      Examples:
        foley probe clip.mp4
        foley probe clip.mp4 --json
      """)

  @Argument(help: "The video.")
  var clip: String

  @Option(help: ArgumentHelp("Begin here in the clip.", valueName: "time"))
  var start: TimeArgument?

  @Option(help: ArgumentHelp("End here in the clip.", valueName: "time"))
  var end: TimeArgument?

  @Option(
    name: [.short, .long], help: ArgumentHelp("A model's name, or its folder.", valueName: "name"))
  var model = "mini"

  @Flag(help: "Print a JSON object.")
  var json = false

  func validate() throws {
    if let start, let end, end.seconds <= start.seconds {
      throw ValidationError("--end must come after --start.")
    }
  }

  func run() throws {
    let result = try ProbeResult(
      clip: clip, start: start?.seconds, end: end?.seconds, model: model)
    Terminal.output(json ? JSON.text(result) + "\n" : ProbeResult.text(result.lines))
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
  }

  var clip: Clip
  var plan: Plan

  init(clip path: String, start: Double?, end: Double?, model: String) throws {
    let reader = try VideoReader(path: path, start: start, end: end)
    let information = reader.information
    clip = Clip(
      path: path, container: information.container, codec: information.codec,
      width: information.width, height: information.height, rotation: information.rotation,
      pixelFormat: information.pixelFormat, framesPerSecond: information.frameRate,
      seconds: information.duration?.seconds, startTime: information.startTime.seconds,
      audioCodec: information.audioCodec, isStill: information.isStill)
    let folder = try ModelFolder.find(model)
    _ = try ModelFamilies.describe(folder)
    let windows =
      information.isStill
      ? WindowPlan(samples: WindowPlan.length * Clock.sampleRate)
      : reader.expectedDuration.map { WindowPlan(duration: $0) }
    plan = Plan(
      seconds: windows?.seconds, samples: windows?.samples, windows: windows?.count,
      sampleRate: Clock.sampleRate, model: folder.name, modelFolder: folder.path)
  }

  /// Names and values for people.
  var lines: [(String, String)] {
    func seconds(_ value: Double?) -> String {
      value.map { String(format: "%.3f s", $0) } ?? "unknown until read"
    }
    var video = "\(clip.codec), \(clip.width) x \(clip.height), \(clip.pixelFormat)"
    if let rate = clip.framesPerSecond { video += String(format: ", %.2f frames/s", rate) }
    if clip.rotation != 0 { video += ", turned by \(clip.rotation) degrees" }
    return [
      ("clip", clip.path),
      ("container", clip.container),
      ("video", video),
      ("length", clip.isStill ? "a still picture" : seconds(clip.seconds)),
      ("sound in it", clip.audioCodec ?? "none"),
      ("to be made", plan.samples.map { "\(seconds(plan.seconds)), \($0) samples" } ?? "unknown"),
      ("windows", plan.windows.map(String.init) ?? "unknown"),
      ("model", "\(plan.model) (\(plan.modelFolder))"),
    ]
  }

  static func text(_ lines: [(String, String)]) -> String {
    let width = lines.map(\.0.count).max() ?? 0
    return lines.map { name, value in
      name.padding(toLength: width + 2, withPad: " ", startingAt: 0) + value + "\n"
    }.joined()
  }
}
