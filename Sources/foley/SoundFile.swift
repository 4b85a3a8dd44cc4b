import FoleyKit
import Foundation
import Media
import Motion

/// The sound's file as the pipeline sees it.
final class SoundFile: SoundSink {
  private let plan: OutputPlan
  private let request: GenerationRequest
  private let plot: PlottedSound?
  private let meter: LoudnessMeter?
  private var writer: WaveWriter?

  init(_ plan: OutputPlan, _ request: GenerationRequest, plot: PlottedSound?) throws {
    (self.plan, self.request, self.plot) = (plan, request, plot)
    meter =
      plan.format == .bwf
      ? try LoudnessMeter(sampleRate: Clock.sampleRate, channels: 1, file: plan.audioPath) : nil
  }

  func start(expectedSamples: Int?) throws {
    writer = try SoundFile.writer(plan, request, samples: expectedSamples)
  }

  func write(_ samples: [Float]) throws {
    plot?.add(samples)
    meter?.add(samples)
    try writer?.write(samples)
  }

  func finish(_ report: GenerationReport) throws {
    if let meter {
      writer?.broadcast?.tell(
        loudness: meter.integrated, range: meter.range, truePeak: meter.truePeak)
      writer?.cues = report.cuePoints
    }
    try writer?.finish()
  }

  /// A file of the kind that is wanted.
  ///
  /// - Parameters:
  ///   - path: by default the sound's own.
  ///   - samples: how many are to come; nil where that is not known. Headers are trusted to tell a long clip from a
  ///     short one. A pipe would announce their length as the truth.
  static func writer(
    _ plan: OutputPlan, _ request: GenerationRequest, path: String? = nil, channels: Int = 1,
    samples: Int?
  ) throws -> WaveWriter {
    let encoding: WaveEncoding =
      switch plan.bitDepth {
      case .sixteen: .pcm16
      case .twentyFour: .pcm24
      case .float: .float32
      }
    return try WaveWriter(
      path: path ?? plan.audioPath, sampleRate: Clock.sampleRate, channels: channels,
      encoding: encoding, container: plan.format == .flac ? .flac : .wave,
      expectedFrames: plan.audioIsStream ? nil : samples,
      broadcast: plan.format == .bwf
        ? try BroadcastExtension(request, encoding, channels: channels) : nil)
  }
}

/// What a plot needs of the sound, gathered by whoever writes it.
final class PlottedSound {
  private(set) var accumulator = PlotAccumulator(sampleRate: Clock.sampleRate)

  func add(_ samples: [Float]) { accumulator.add(samples) }
}

extension BroadcastExtension {
  /// What is known before the first sample: the clip's time code, and what is to be heard.
  fileprivate init(
    _ request: GenerationRequest, _ encoding: WaveEncoding, channels: Int
  ) throws(MediaError) {
    var timeReference = 0
    var clip: String?
    if case .video(let path, let start, _, _) = request.source, path != "-" {
      let video = try VideoReader(path: path, start: start)
      if let timecode = video.information.timecode {
        timeReference = (timecode.time + video.start).scaled(to: Clock.sampleRate)
      }
      clip = path.lastComponent
    }
    let bits = 8 * encoding.bytesPerSample
    let samples = encoding == .float32 ? "A=FLOAT" : "A=PCM"
    self.init(
      description: [request.prompt, clip].compactMap { $0 }.filter { !$0.isEmpty }
        .joined(separator: ", for "),
      originator: "foley \(ProgramVersion.current)", reference: "seed \(request.seed)",
      timeReference: UInt64(timeReference),
      codingHistory: [
        "\(samples),F=\(Clock.sampleRate),W=\(bits),M=\(channels == 1 ? "mono" : "stereo"),T=foley"
      ])
  }

  mutating func tell(loudness: Double?, range: Double?, truePeak: Double?) {
    (self.loudness, loudnessRange, self.truePeak) = (loudness, range, truePeak)
  }
}

extension GenerationReport {
  /// The events and cuts as markers of a wave file.
  var cuePoints: [CuePoint] {
    let strong = events.filter { $0.strength >= VisualEvent.threshold }
    let points =
      strong.map { CuePoint(at: $0.time, String(format: "event %.2f", $0.strength)) }
      + cuts.map { CuePoint(at: $0, "cut") }
    return points.filter { (0..<samples).contains($0.sample) }.sorted { $0.sample < $1.sample }
  }
}

extension CuePoint {
  fileprivate init(at seconds: Double, _ label: String) {
    self.init(sample: Int((seconds * Double(Clock.sampleRate)).rounded()), label: label)
  }
}
