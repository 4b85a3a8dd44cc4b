import Foundation
import Motion
import Signal

/// The way from latents to samples: decoded, aligned to what is seen, limited, made quiet where nothing happens, and cut to
/// exactly the length of the clip.
struct SoundOutput {
  private var decoder: any SoundDecoder
  private var aligner: OnsetAligner?
  private var limiter = TruePeakLimiter(sampleRate: Clock.sampleRate)
  private var ambience = Ambience()
  private let sink: any SoundSink
  /// Length of the whole sound, once known.
  private var samples: Int?
  private var written = 0
  private var largest: Float = 0

  init(decoder: any SoundDecoder, aligns: Bool, sink: any SoundSink) {
    self.decoder = decoder
    aligner = aligns ? OnsetAligner(sampleRate: Clock.sampleRate) : nil
    self.sink = sink
  }

  /// - Parameters:
  ///   - seen: events of the picture from where the window before ended.
  ///   - seenUntil: the time up to which all are known.
  ///   - quiet: whether this stretch is one in which nothing happens.
  ///   - end: with the last latents, the length of the whole sound in samples. They reach that far, the last
  ///     one perhaps beyond.
  mutating func write(
    _ latents: [Float], rows: Int, seen: [VisualEvent], until seenUntil: Double, quiet: Bool,
    end: Int?
  ) throws {
    ambience.add(samples: rows * Clock.samplesPerLatent, quiet: quiet)
    samples = end
    let decoded = try checked(try decoder.decode(latents, seen: seen, until: seenUntil))
    try deliver(
      limiter.process(aligner?.push(decoded, seen: seen, until: seenUntil) ?? decoded))
    guard let end else { return }
    let rest = try checked(try decoder.finish())
    try deliver(limiter.process(aligner?.push(rest, seen: [], until: .infinity) ?? rest))
    if let last = aligner?.finish() { try deliver(limiter.process(last)) }
    try deliver(limiter.finish())
    precondition(written == end, "\(written) samples written of \(end)")
  }

  /// What the alignment has done; nil where there was none.
  var alignment: OnsetAligner.Summary? { aligner?.summary }

  /// The most that the limiter has taken away, in dB.
  var limiterReduction: Double { Double(limiter.maximumReduction) }

  /// Largest sample, in dB of full scale.
  var peak: Double? { largest > 0 ? 20 * log10(Double(largest)) : nil }

  /// Checked here, for the limiter would hide it.
  private func checked(_ sound: [Float]) throws(FoleyError) -> [Float] {
    guard sound.allSatisfy(\.isFinite) else { throw .notFinite(stage: "the decoder") }
    return sound
  }

  private mutating func deliver(_ sound: [Float]) throws {
    var sound = samples.map { Array(sound.prefix($0 - written)) } ?? sound
    guard !sound.isEmpty else { return }
    ambience.apply(to: &sound, at: written)
    fadeEdges(&sound)
    for sample in sound { largest = max(largest, abs(sample)) }
    try sink.write(sound)
    written += sound.count
  }

  /// A sound that starts or ends amid a wave clicks.
  private func fadeEdges(_ sound: inout [Float]) {
    for index in sound.indices {
      let fromStart = written + index
      let toEnd = samples.map { $0 - 1 - fromStart } ?? SoundOutput.fade
      let near = min(fromStart, toEnd)
      if near < SoundOutput.fade { sound[index] *= Float(near) / Float(SoundOutput.fade) }
    }
  }

  /// Samples, 3 ms.
  private static let fade = 144
}
