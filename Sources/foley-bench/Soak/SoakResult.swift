import FoleyKit
import Foundation
import Media

/// What came of one clip.
struct SoakResult {
  static let head = """
    | clip | s of video | s of work | x real time | memory, MB | samples off | dropouts | matched | median, ms | worst, ms | drift, ms/h | seams |
    |---|---|---|---|---|---|---|---|---|---|---|---|
    """

  let name: String
  /// Seconds of work.
  let seconds: Double
  /// Resident memory in bytes, the most after any window but the first three.
  let memory: Int
  /// Against the true events.
  let verification: Verification

  var speed: Double { verification.seconds / seconds }

  /// Makes the sound of a clip, judges it, and removes it.
  init(_ clip: SoakClip, _ pipeline: Pipeline, steps: Int?) throws {
    name = clip.name
    let sound = clip.video + ".wav"
    defer { unlink(sound) }
    let sink = SoakSink(path: sound)
    var memory = 0
    let began = ContinuousClock.now
    _ = try pipeline.generate(
      GenerationRequest(source: .video(path: clip.video), prompt: clip.prompt, steps: steps),
      into: sink
    ) { event in
      if case .window(let number, _) = event, number > 3 {
        memory = max(memory, SoakResult.residentMemory)
      }
    }
    try sink.finish()
    let work = ContinuousClock.now - began
    seconds = Double(work.components.seconds) + Double(work.components.attoseconds) * 1e-18
    self.memory = memory
    verification = try Verification(
      sound: sound, video: clip.video, events: try EventFile(path: clip.truth))
  }

  var row: String {
    func number(_ value: Double?, _ digits: Int) -> String {
      value.map { String(format: "%.\(digits)f", $0) } ?? "-"
    }
    let sync = verification.sync
    let cells = [
      name, number(verification.seconds, 1), number(seconds, 1), number(speed, 1),
      number(Double(memory) / 1e6, 0), "\(verification.durationDifference)",
      "\(verification.dropouts.count)", "\(sync.matched) of \(sync.events)",
      number(sync.medianDistance, 1), number(sync.worstDistance, 0),
      sync.drift == nil
        ? "-" : number(sync.drift, 1) + " ± " + number(sync.driftUncertainty, 1),
      number(verification.seamRatio, 2),
    ]
    return "| " + cells.joined(separator: " | ") + " |"
  }

  private static var residentMemory: Int {
    guard let text = FileManager.default.contents(atPath: "/proc/self/statm"),
      let pages = String(decoding: text, as: UTF8.self).split(separator: " ").dropFirst().first,
      let count = Int(pages)
    else { return 0 }
    return count * sysconf(Int32(_SC_PAGESIZE))
  }
}

private final class SoakSink: SoundSink {
  private let path: String
  private var writer: WaveWriter?

  init(path: String) { self.path = path }

  func start(expectedSamples: Int?) throws {
    writer = try WaveWriter(path: path, expectedFrames: expectedSamples)
  }

  func write(_ samples: [Float]) throws { try writer?.write(samples) }
  func finish() throws { try writer?.finish() }
}

/// A promise and whether it was kept.
struct SoakVerdict {
  let holds: Bool
  private let text: String

  var line: String { (holds ? "kept: " : "BROKEN: ") + text }

  static func all(of results: [SoakResult]) -> [SoakVerdict] {
    let long = results.max { $0.verification.seconds < $1.verification.seconds }
    let others = results.filter { $0.name != long?.name }
    func worst(_ value: (SoakResult) -> Double) -> Double { results.map(value).max() ?? 0 }
    var verdicts = [
      SoakVerdict(
        worst { Double(abs($0.verification.durationDifference)) } == 0,
        "every length is exact to the sample"),
      SoakVerdict(worst { Double($0.verification.dropouts.count) } == 0, "no dropouts"),
      SoakVerdict(worst { Double($0.memory) } <= 900e6, "memory stays below 900 MB"),
      SoakVerdict(results.allSatisfy { $0.speed >= 3 }, "at least 3 times real time"),
      SoakVerdict(
        worst { $0.verification.sync.medianDistance ?? 0 } <= 25,
        "the median distance of matched events is at most 25 ms in every clip"),
      SoakVerdict(
        worst { $0.verification.sync.worstDistance ?? 0 } <= 50,
        "no matched event is further away than 50 ms"),
    ]
    // Clips differ in length and rate: what is compared is seconds of work for a second of video.
    if let first = others.first, let last = others.last, others.count > 1 {
      let ratio = first.speed / last.speed
      verdicts.append(
        SoakVerdict(
          ratio <= 1.05,
          String(format: "the last clip takes %.3f times as long as the first", ratio)))
    }
    if let long, let short = others.map(\.memory).max(), short > 0 {
      let ratio = Double(long.memory) / Double(short)
      verdicts.append(
        SoakVerdict(
          ratio <= 1.02,
          String(format: "the longest clip takes %.3f times the memory of others", ratio))
      )
      if let drift = long.verification.sync.drift {
        let doubt = long.verification.sync.driftUncertainty ?? 0
        verdicts.append(
          SoakVerdict(
            abs(drift) - 2 * doubt <= 1,
            String(format: "its drift is %.2f ms an hour, give or take %.2f", drift, doubt)))
      }
    }
    return verdicts
  }

  private init(_ holds: Bool, _ text: String) { (self.holds, self.text) = (holds, text) }
}
