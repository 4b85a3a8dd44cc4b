import Foundation
import Signal

/// The way from latents to samples: decoded, limited, made quiet where nothing happens, and cut to
/// exactly the length of the clip.
struct SoundOutput {
  private var decoder: any SoundDecoder
  private var limiter = TruePeakLimiter(sampleRate: Clock.sampleRate)
  private var ambience = Ambience()
  private let sink: any SoundSink
  /// Length of the whole sound, once known.
  private var samples: Int?
  private var written = 0
  private var largest: Float = 0

  init(decoder: any SoundDecoder, sink: any SoundSink) {
    self.decoder = decoder
    self.sink = sink
  }

  /// - Parameter quiet: whether this stretch is one in which nothing happens.
  mutating func write(_ latents: [Float], rows: Int, quiet: Bool) throws {
    ambience.add(samples: rows * Clock.samplesPerLatent, quiet: quiet)
    try deliver(limiter.process(decoder.decode(latents)))
  }

  /// Writes what the decoder and the limiter still hold, up to the end of the clip. The latents written
  /// reach that far, the last one perhaps beyond.
  mutating func finish(samples: Int) throws {
    self.samples = samples
    try deliver(limiter.process(decoder.finish()))
    try deliver(limiter.finish())
    precondition(written == samples, "\(written) samples written of \(samples)")
  }

  /// The most that the limiter has taken away, in dB.
  var limiterReduction: Double { Double(limiter.maximumReduction) }

  /// Largest sample, in dB of full scale.
  var peak: Double? { largest > 0 ? 20 * log10(Double(largest)) : nil }

  private mutating func deliver(_ sound: [Float]) throws {
    var sound = samples.map { Array(sound.prefix($0 - written)) } ?? sound
    guard !sound.isEmpty else { return }
    ambience.apply(to: &sound, at: written)
    for sample in sound {
      // A comparison with a NaN is false.
      guard abs(sample) <= 1 else { throw FoleyError.notFinite(stage: "the decoder") }
      largest = max(largest, abs(sample))
    }
    try sink.write(sound)
    written += sound.count
  }
}
