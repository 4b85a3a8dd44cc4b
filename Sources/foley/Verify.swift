import ArgumentParser
import FoleyKit
import Foundation
import Media

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Hold a sound against its video.",
    discussion: """
      Examples:
        foley verify clip.wav --video clip.mp4
        foley verify film.wav --video film.mp4 --plot film.png --max-distance 50 --json

      Tells what differs in length, drops out, jumps where windows meet, is late or drifts, and how loud it is.
      Ends with 1 where a limit is broken, naming each on a line of its own. Nobody's ears are replaced: an event
      that is seen need not sound, and a sound may have no event.
      """)

  @Argument(help: "The sound: WAV, FLAC, ...", completion: .file())
  var sound: String

  @Option(help: "The video it belongs to.", completion: .file())
  var video: String

  @Option(help: ArgumentHelp("Events to compare with, in place of those seen.", valueName: "file"))
  var events: String?

  @Option(help: "What became of the sound at cuts, as generate was told.")
  var cuts = CutHandling.follow

  @Option(help: ArgumentHelp("Also write a picture (PNG) of offsets and level.", valueName: "file"))
  var plot: String?

  @OptionGroup(title: "Limits") var limits: VerificationLimits

  @Flag(help: "Print a JSON object on standard output.")
  var json = false

  func validate() throws {
    if let plot, !plot.lowercased().hasSuffix(".png") {
      throw ValidationError(
        "--plot \(plot): the picture is a PNG; give it a name that ends in .png.")
    }
  }

  func run() throws {
    let given = try events.map { try EventFile(path: $0) }
    let verification = try Verification(sound: sound, video: video, events: given, cuts: cuts)
    for warning in verification.warnings { Terminal.error("Warning: \(warning)\n") }
    if let plot { try writePNG(path: plot, picture: VerificationPlot.picture(of: verification)) }
    let broken = limits.broken(by: verification)
    if json {
      Terminal.output(JSON.text(Result(verification: verification, broken: broken)) + "\n")
    } else {
      Terminal.output(ProbeResult.text(Verify.lines(verification)))
    }
    for line in broken { Terminal.error("\(sound): \(line)\n") }
    if !broken.isEmpty { throw ExitCode(1) }
  }

  private struct Result: Encodable {
    var verification: Verification
    var broken: [String]
  }

  private static func lines(_ found: Verification) -> [(String, String)] {
    func number(_ value: Double?, _ format: String) -> String {
      value.map { String(format: format, $0) } ?? "-"
    }
    let sync = found.sync
    return [
      ("length", number(found.seconds, "%.3f s, ") + difference(found.durationDifference)),
      (
        "events",
        "\(sync.matched) of \(sync.events) have an onset within 0.3 s (\(sync.onsets) onsets)"
      ),
      (
        "offset",
        sync.matched == 0
          ? "nothing to tell it by"
          : number(sync.medianOffset, "%+.1f ms in the middle, ")
            + number(sync.medianDistance, "%.1f ms away, ")
            + number(sync.worstDistance, "%.0f ms at worst")
      ),
      (
        "drift",
        sync.drift == nil
          ? "too few matches to tell"
          : number(sync.drift, "%+.2f ms an hour, give or take ")
            + number(sync.driftUncertainty, "%.2f")
      ),
      (
        "seams",
        "\(found.seams), level jumps " + number(found.seamRatio, "%.2f times what is usual")
      ),
      ("dropouts", "\(found.dropouts.count)"),
      (
        "gap",
        found.longestGap.map {
          String(format: "%.1f s from %.1f s, with an event in it", $0.seconds, $0.start)
        }
          ?? "none with an event in it"
      ),
      (
        "loudness",
        number(found.loudness, "%.1f LUFS") + ", range " + number(found.loudnessRange, "%.1f LU")
      ),
      ("true peak", number(found.truePeak, "%.1f dB") + ", clipped \(found.clipped) times"),
    ]
  }
}

/// Of a sound's length to its video's.
private func difference(_ samples: Int) -> String {
  switch samples {
  case 0: "to the sample"
  case ..<0: "\(-samples) samples missing"
  default: "\(samples) samples too many"
  }
}

/// Limits, each of which can be moved; those without a value hold only where they are given.
struct VerificationLimits: ParsableArguments {
  @Option(help: ArgumentHelp("Samples of difference in length.", valueName: "samples"))
  var maxDurationDifference = 0

  @Option(help: ArgumentHelp("Dropouts.", valueName: "count"))
  var maxDropouts = 0

  @Option(help: ArgumentHelp("Times at full scale.", valueName: "count"))
  var maxClipped = 0

  @Option(help: ArgumentHelp("True peak.", valueName: "dB"))
  var maxTruePeak = 0.0

  @Option(
    help: ArgumentHelp("Silence with an event in it; no limit by default.", valueName: "seconds"))
  var maxGap: Double?

  @Option(
    help: ArgumentHelp(
      "Jump of level where windows meet, over the usual; from 10 seams on.", valueName: "ratio"))
  var maxSeam = 1.5

  @Option(
    help: ArgumentHelp("Median distance of matched events; from 10 on.", valueName: "ms"))
  var maxMedian = 80.0

  @Option(
    help: ArgumentHelp("Distance of any matched event; no limit by default.", valueName: "ms"))
  var maxDistance: Double?

  @Option(
    help: ArgumentHelp("Drift, less twice its uncertainty.", valueName: "ms-per-hour"))
  var maxDrift = 50.0

  @Option(
    help: ArgumentHelp("Events with an onset, as a share; no limit by default.", valueName: "share")
  )
  var minMatched: Double?

  /// A line for each limit that is broken.
  func broken(by found: Verification) -> [String] {
    var lines: [String] = []
    func check(_ value: Double?, _ limit: Double?, _ what: String, _ format: String) {
      guard let value, let limit, value > limit else { return }
      lines.append(
        what + " " + String(format: format, value) + ", allowed are "
          + String(format: format, limit))
    }
    check(
      Double(abs(found.durationDifference)), Double(maxDurationDifference),
      found.durationDifference < 0 ? "samples missing:" : "samples too many:", "%.0f")
    check(Double(found.dropouts.count), Double(maxDropouts), "dropouts:", "%.0f")
    check(Double(found.clipped), Double(maxClipped), "clipped:", "%.0f")
    check(found.truePeak, maxTruePeak, "true peak in dB:", "%.2f")
    check(found.longestGap?.seconds, maxGap, "seconds of silence with an event:", "%.2f")
    if found.seams >= 10 { check(found.seamRatio, maxSeam, "level jumps at seams:", "%.2f") }
    if found.sync.matched >= 10 {
      check(found.sync.medianDistance, maxMedian, "median distance in ms:", "%.1f")
    }
    check(found.sync.worstDistance, maxDistance, "largest distance in ms:", "%.1f")
    check(
      found.sync.drift.map { max(0, abs($0) - 2 * (found.sync.driftUncertainty ?? 0)) }, maxDrift,
      "drift in ms an hour, at least:", "%.1f")
    if let minMatched, found.sync.events > 0 {
      let share = Double(found.sync.matched) / Double(found.sync.events)
      if share < minMatched {
        lines.append(
          String(format: "share of events with an onset: %.2f, needed are %.2f", share, minMatched))
      }
    }
    return lines
  }
}
