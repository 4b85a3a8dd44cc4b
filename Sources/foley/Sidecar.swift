import FoleyKit
import Foundation
import Media

/// Everything that is known of a finished run, kept beside its sound (`--sidecar`): the report, and what it takes to
/// tell later how the sound came to be. `Schemas/sidecar.schema.json` describes it.
struct Sidecar: Encodable {
  /// One window of the run.
  struct Window: Encodable {
    /// From 1.
    var number: Int
    /// Where its sound begins and ends, in seconds.
    var start: Double
    var end: Double
    var milliseconds: Double
    /// The most memory the process has had by its end, in bytes.
    var peakMemory: Int
  }

  /// By EBU R128, as the finished file has it; all absent for silence.
  struct Loudness: Encodable {
    /// LUFS.
    var integrated: Double?
    /// LU.
    var range: Double?
    /// dBTP.
    var truePeak: Double?

    init(ofFile path: String) throws(MediaError) {
      let reader = try SoundReader(path: path)
      let meter = try LoudnessMeter(
        sampleRate: reader.sampleRate, channels: reader.channels, file: path)
      while true {
        let samples = try reader.read(frames: 1 << 16)
        if samples.isEmpty { break }
        meter.add(samples)
      }
      (integrated, range, truePeak) = (meter.integrated, meter.range, meter.truePeak)
    }
  }

  static let formatVersion = 1

  var report: GenerationReport
  /// What decides the bytes of the sound, by name; model files and clip by length and hash.
  var identity: RunIdentity
  /// Of all of it and of the kinds of files: equal hashes, equal bytes. The same as in a batch's records.
  var hash: String
  var windows: [Window]
  var licences: [ModelLicence]
  /// The clip's length as its headers have it, and how much longer the sound is; absent where they do not say.
  var clipSeconds: Double?
  var durationDifference: Double?
  /// Absent where the sound went into a pipe or into the video alone.
  var loudness: Loudness?

  private enum CodingKeys: String, CodingKey {
    case format, version, program, identity, hash, windowTable, licences, clipSeconds
    case durationDifference, loudness
  }

  /// The report's own fields stand beside these.
  func encode(to encoder: any Encoder) throws {
    try report.encode(to: encoder)
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode("foley sidecar", forKey: .format)
    try values.encode(Sidecar.formatVersion, forKey: .version)
    try values.encode(ProgramVersion.current, forKey: .program)
    try values.encode(identity.values, forKey: .identity)
    try values.encode(hash, forKey: .hash)
    try values.encode(windows, forKey: .windowTable)
    try values.encode(licences, forKey: .licences)
    try values.encodeIfPresent(clipSeconds, forKey: .clipSeconds)
    try values.encodeIfPresent(durationDifference, forKey: .durationDifference)
    try values.encodeIfPresent(loudness, forKey: .loudness)
  }

  func write(to path: String) throws(FoleyError) {
    do {
      try Data((JSON.text(self) + "\n").utf8).write(
        to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw .cannotCreate(file: path, reason: error.localizedDescription)
    }
  }
}

/// Watches a run for its sidecar.
final class SidecarRecorder {
  private var windows: [Sidecar.Window] = []
  private var last = ContinuousClock.now

  /// To be told of every event as it happens.
  func note(_ event: ProgressEvent) {
    switch event {
    case .loaded: last = .now
    case .window(let number, let done):
      windows.append(
        Sidecar.Window(
          number: number, start: windows.last?.end ?? 0, end: done,
          milliseconds: 1000 * BatchClock.seconds(since: last),
          peakMemory: ProcessMeasure.peakMemory))
      last = .now
    default: break
    }
  }

  /// What the finished run's sidecar says.
  func sidecar(
    _ report: GenerationReport, _ request: GenerationRequest, _ plan: OutputPlan,
    _ pipeline: Pipeline
  ) throws -> Sidecar {
    let identity = try pipeline.journalHead(request).identity
    var sidecar = Sidecar(
      report: report, identity: identity, hash: identity.digest(with: plan.kinds), windows: windows,
      licences: try pipeline.licences())
    if case .video(let path, let start, let end, _) = request.source, path != "-" {
      let expected = try VideoReader(path: path, start: start, end: end).expectedDuration?.seconds
      if let expected, expected > 0 {
        sidecar.clipSeconds = expected
        sidecar.durationDifference = report.seconds - expected
      }
    }
    if case .file(let path) = plan.audio, !plan.audioIsStream {
      sidecar.loudness = try Sidecar.Loudness(ofFile: path)
    }
    return sidecar
  }
}

extension OutputPlan {
  /// What the same sound can be written as.
  var kinds: [String: String] {
    described.merging([
      "files": files.map { ($0 as NSString).pathExtension }.joined(separator: " ")
    ]) { $1 }
  }
}
