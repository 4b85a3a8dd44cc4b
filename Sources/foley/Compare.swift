import ArgumentParser
import FoleyKit
import Foundation

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Hold a sound against a reference that it should be like.",
    discussion: """
      Examples:
        foley compare new.wav reference.wav
        foley compare new.wav reference.flac --max-level 0.5 --max-spectral 1 --json
        foley compare new.wav reference.wav --exact

      For regression tests: tells how far level, spectrum, onsets and length are from the reference's, and ends
      with 1 where a limit is broken, naming each on a line of its own.
      """)

  @Argument(help: "The sound: WAV, FLAC, ...", completion: .file())
  var sound: String

  @Argument(help: "What it should be like.", completion: .file())
  var reference: String

  @OptionGroup(title: "Limits") var limits: ComparisonLimits

  @Flag(help: "Print a JSON object on standard output.")
  var json = false

  func run() throws {
    let comparison = try SoundComparison(sound: sound, reference: reference)
    let broken = limits.broken(by: comparison)
    if json {
      Terminal.output(JSON.text(Result(comparison: comparison, broken: broken)) + "\n")
    } else {
      Terminal.output(ProbeResult.text(Compare.lines(comparison)))
    }
    for line in broken { Terminal.error("\(sound): \(line)\n") }
    if !broken.isEmpty { throw ExitCode(1) }
  }

  private struct Result: Encodable {
    var comparison: SoundComparison
    var broken: [String]
  }

  private static func lines(_ found: SoundComparison) -> [(String, String)] {
    func number(_ value: Double?, _ format: String) -> String {
      value.map { String(format: format, $0) } ?? "-"
    }
    let onsets = found.onsets
    let samples =
      found.isIdentical
      ? "the same, every one"
      : found.residual.map { String(format: "their difference is at %.1f dB", $0) } ?? "differ"
    return [
      (
        "length",
        number(found.sound.seconds, "%.3f s, ")
          + number(Double(found.durationDifference), "%+.0f samples")
      ),
      (
        "level",
        number(found.sound.loudness, "%.1f LUFS, ") + number(found.levelDifference, "%+.2f LU")
      ),
      (
        "true peak",
        number(found.sound.truePeak, "%.1f dB, ") + number(found.truePeakDifference, "%+.2f dB")
      ),
      (
        "spectrum",
        number(found.spectralDistance, "%.2f dB away, ")
          + number(found.longTermDistance, "%.2f dB in the mean over time")
      ),
      (
        "onsets",
        "\(onsets.matched) of the reference's \(onsets.reference) have a partner (\(onsets.sound))"
      ),
      (
        "shift",
        onsets.matched == 0
          ? "nothing to tell it by"
          : number(onsets.medianShift, "%+.1f ms in the middle, ")
            + number(onsets.worstShift, "%.0f ms at worst")
      ),
      ("samples", samples),
    ]
  }
}

/// How far a sound may be from its reference.
struct ComparisonLimits: ParsableArguments {
  @Option(help: ArgumentHelp("Samples of difference in length.", valueName: "samples"))
  var maxDurationDifference = 0

  @Option(help: ArgumentHelp("Difference of loudness, up or down.", valueName: "LU"))
  var maxLevel = 1.0

  @Option(
    help: ArgumentHelp(
      "Mean distance of band levels; two takes of one sound are some 8 dB apart.", valueName: "dB")
  )
  var maxSpectral = 3.0

  @Option(help: ArgumentHelp("Median shift of matched onsets, early or late.", valueName: "ms"))
  var maxOnsetShift = 10.0

  @Option(
    help: ArgumentHelp(
      "Onsets of the reference that have a partner, as a share.", valueName: "share")
  )
  var minMatched = 0.8

  @Flag(help: "Every sample must be the same.")
  var exact = false

  func validate() throws {
    for (name, value) in [
      ("--max-duration-difference", Double(maxDurationDifference)), ("--max-level", maxLevel),
      ("--max-spectral", maxSpectral), ("--max-onset-shift", maxOnsetShift),
    ] where !(value >= 0) {
      throw ValidationError("\(name) \(value): a limit is 0 or more.")
    }
    guard (0...1).contains(minMatched) else {
      throw ValidationError("--min-matched \(minMatched): give a share from 0 to 1.")
    }
  }

  /// A line for each limit that is broken.
  func broken(by found: SoundComparison) -> [String] {
    var lines: [String] = []
    func check(_ value: Double?, _ limit: Double, _ what: String, _ format: String) {
      guard let value, abs(value) > limit else { return }
      lines.append(
        what + " " + String(format: format, value) + ", allowed are "
          + String(format: format, limit))
    }
    func same(_ value: Int, _ other: Int, _ what: String) {
      if value != other { lines.append("\(what): \(value), the reference has \(other)") }
    }
    same(found.sound.sampleRate, found.reference.sampleRate, "sample rate")
    same(found.sound.channels, found.reference.channels, "channels")
    check(
      Double(found.durationDifference), Double(maxDurationDifference),
      "samples more than the reference:", "%.0f")
    check(found.levelDifference, maxLevel, "level difference in LU:", "%.2f")
    check(found.spectralDistance, maxSpectral, "spectral distance in dB:", "%.2f")
    check(found.onsets.medianShift, maxOnsetShift, "median onset shift in ms:", "%.1f")
    if found.onsets.share < minMatched {
      lines.append(
        String(
          format: "share of onsets with a partner: %.2f, needed are %.2f", found.onsets.share,
          minMatched))
    }
    if exact && !found.isIdentical { lines.append("samples differ") }
    return lines
  }
}
