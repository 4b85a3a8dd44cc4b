import Foundation
import Media
import Signal

/// Brings finished samples, which lie on the disk, into the files they are wanted in: as loud as asked for, under the
/// true peak, spread, mixed with the clip's own sound. They are read several times, a piece at a time; memory does not
/// depend on how many there are.
public struct SoundDelivery {
  private static let piece = 1 << 14
  /// LU within which the loudness is met, and within which the search ends.
  private static let tolerance = 0.1
  private static let precision = 0.02
  private static let attempts = 12
  /// dB that the limiter may take away at most: beyond it there is more of the limiter to be heard than of the sound.
  private static let mostReduction = 20.0

  private let sounds: [SampleStore]
  private let original: SampleStore?
  private let settings: DeliverySettings

  /// - Parameters:
  ///   - sounds: mono samples of the new sounds, all of a length; several only without `original`.
  ///   - original: the clip's own sound, as long, with the channels of `settings`.
  public init(_ sounds: [SampleStore], original: SampleStore? = nil, _ settings: DeliverySettings) {
    precondition(!sounds.isEmpty && sounds.allSatisfy { $0.frames == sounds[0].frames })
    precondition((original == nil) == (settings.mixing == .without))
    if let original {
      precondition(sounds.count == 1 && original.frames == sounds[0].frames)
      precondition(original.channels == settings.channels)
    }
    (self.sounds, self.original, self.settings) = (sounds, original, settings)
  }

  /// The gain to write with, linear, and what to tell where the loudness cannot be had.
  ///
  /// Without a loudness to reach, two channels and several sounds are turned down by as much as lets them pass under the
  /// true peak without a limiter.
  ///
  /// - Throws: `MediaError`
  public func gain() throws -> (gain: Double, warning: String?) {
    let own = original == nil ? pow(10, settings.gain / 20) : 1
    if let target = settings.loudness { return try gain(toReach: target, from: own) }
    guard original == nil, settings.channels > 1 || sounds.count > 1 else { return (own, nil) }
    var meter = LinkedPeakMeter(
      ceiling: settings.aimedCeiling,
      channels: DeliveredPiece.channelCount(parts: sounds.count, channels: settings.channels))
    _ = try render(own, limits: false) { meter.add($0.channels) }
    let excess = Double(meter.excess)
    return (excess > 0 ? own * pow(10, -(excess + 0.001) / 20) : own, nil)
  }

  private func gain(toReach target: Double, from own: Double) throws -> (Double, String?) {
    // What the limiter takes away makes this a search; the first guess does without.
    var measured = try measure(own, limits: original != nil).loudness
    var gain = measured.map { min(own * pow(10, (target - $0) / 20), 1e4) } ?? own
    var most = Double.infinity
    for _ in 0..<SoundDelivery.attempts where measured != nil {
      let (loudness, reduction) = try measure(gain)
      measured = loudness
      guard let loudness else { break }
      let excess = Double(reduction) - SoundDelivery.mostReduction
      if excess > 0 { most = min(most, gain * pow(10, -excess / 20)) }
      let next = min(gain * pow(10, (target - loudness) / 20), most)
      if abs(20 * log10(next / gain)) <= SoundDelivery.precision { break }
      gain = next
    }
    guard let measured else {
      return (
        own, "the sound is silent or shorter than 0.4 s: it has no loudness that could be set"
      )
    }
    guard abs(target - measured) > SoundDelivery.tolerance else { return (gain, nil) }
    return (
      gain,
      String(
        format:
          "the sound has peaks too high for %.1f LUFS with a true peak of %.1f dB: it reaches "
          + "%.1f LUFS with %.0f dB taken off its peaks", target, settings.ceiling, measured,
        SoundDelivery.mostReduction)
    )
  }

  private func measure(
    _ gain: Double, limits: Bool = true
  ) throws -> (loudness: Double?, reduction: Float) {
    let meter = try meter()
    let reduction = try render(gain, limits: limits) { meter.add($0.interleaved) }
    return (meter.integrated, reduction)
  }

  private func meter() throws -> LoudnessMeter {
    try LoudnessMeter(
      sampleRate: Clock.sampleRate, channels: settings.channels, file: "the sound")
  }

  /// Writes the sound and, where there are several, each of those that add up to it.
  ///
  /// Whole numbers are added as such: the parts' files add up to the whole's, sample for sample. In floating point
  /// they do so to its precision.
  ///
  /// - Parameters:
  ///   - gain: from `gain()`.
  ///   - file: takes the whole.
  ///   - parts: take one sound each; empty where they are not wanted.
  ///   - heard: is given the middle of what is written, for a plot.
  /// - Throws: `MediaError`
  public func write(
    _ gain: Double, to file: WaveWriter, parts: [WaveWriter] = [],
    heard: ([Float]) -> Void = { _ in }
  ) throws -> DeliveryReport {
    precondition(parts.isEmpty || parts.count == sounds.count)
    let meter = try meter()
    var encoders = sounds.indices.map { PartEncoder(file.encoding, stream: $0) }
    let reduction = try render(gain) { piece in
      var whole: EncodedPiece?
      for (index, part) in piece.parts.enumerated() {
        let encoded = encoders[index].encode(part)
        if !parts.isEmpty { try encoded.write(to: parts[index]) }
        whole = whole.map { $0 + encoded } ?? encoded
      }
      guard let whole else { return }
      try whole.write(to: file)
      meter.add(whole.samples)
      heard(piece.parts.dropFirst().reduce(piece.parts[0].middle) { zip($0, $1.middle).map(+) })
    }
    return DeliveryReport(
      channels: settings.channels, gain: 20 * log10(gain), limiterReduction: Double(reduction),
      loudness: meter.integrated, loudnessRange: meter.range, truePeak: meter.truePeak)
  }

  /// Gives the delivered sound, a piece at a time; returns the limiter's strongest reduction in dB.
  private func render(
    _ gain: Double, limits: Bool = true, _ take: (DeliveredPiece) throws -> Void
  ) throws -> Float {
    // What the pipeline has limited need not be limited again.
    let isSafe =
      sounds.count == 1 && settings.channels == 1 && gain <= 1
      && settings.ceiling >= DeliverySettings.usualCeiling
    var chain: any DeliveryChain =
      original == nil
      ? SeparateChain(
        settings, gain: Float(gain), sounds: sounds.count, limits: limits && !isSafe)
      : MixedChain(settings, gain: Float(gain))
    for start in stride(from: 0, to: sounds[0].frames, by: SoundDelivery.piece) {
      let samples = try sounds.map { try $0.read(from: start, frames: SoundDelivery.piece) }
      let own = try original?.read(from: start, frames: SoundDelivery.piece) ?? []
      let piece = chain.process(samples, original: own)
      if piece.frames > 0 { try take(piece) }
    }
    let rest = chain.finish()
    if rest.frames > 0 { try take(rest) }
    return chain.limiterReduction
  }
}

/// A stretch as it goes into a file: interleaved, in the file's own numbers.
private enum EncodedPiece {
  case whole([Int32], scale: Float)
  case floating([Float])

  func write(to file: WaveWriter) throws {
    switch self {
    case .whole(let samples, _): try file.write(quantized: samples)
    case .floating(let samples): try file.write(samples)
    }
  }

  /// -1...1
  var samples: [Float] {
    switch self {
    case .whole(let samples, let scale): samples.map { Float($0) / scale }
    case .floating(let samples): samples
    }
  }

  static func + (a: EncodedPiece, b: EncodedPiece) -> EncodedPiece {
    switch (a, b) {
    case (.whole(let a, let scale), .whole(let b, _)):
      // The limiter's ceiling leaves room for all the rounding there is.
      .whole(zip(a, b).map { max(-Int32(scale), min(Int32(scale) - 1, $0 + $1)) }, scale: scale)
    case (.floating(let a), .floating(let b)): .floating(zip(a, b).map(+))
    default: preconditionFailure("parts of one file are encoded alike")
    }
  }
}

/// Rounds one part. Middle and side are rounded each, and the channels made of whole numbers: so half the sum of the
/// channels is the mono file's number, exactly.
private struct PartEncoder {
  private var quantizers: (middle: Quantizer, side: Quantizer)?

  init(_ encoding: WaveEncoding, stream: Int) {
    guard encoding != .float32 else { return }
    let bits = 8 * encoding.bytesPerSample
    quantizers = (
      Quantizer(bits: bits, stream: 2 * stream), Quantizer(bits: bits, stream: 2 * stream + 1)
    )
  }

  mutating func encode(_ part: DeliveredPiece.Part) -> EncodedPiece {
    guard let scale = quantizers?.middle.scale else {
      guard let side = part.side else { return .floating(part.middle) }
      return .floating(spread(part.middle, side, +, -))
    }
    let middle = part.middle.map { quantizers!.middle.quantize($0) }
    guard let side = part.side?.map({ quantizers!.side.quantize($0) }) else {
      return .whole(middle, scale: scale)
    }
    return .whole(spread(middle, side, +, -), scale: scale)
  }
}

/// Keeps a pipeline's sound on the disk until it is delivered.
public final class StoringSink: SoundSink {
  public let store: SampleStore

  /// - Parameter output: the file that is to come of it.
  /// - Throws: `MediaError`
  public init(for output: String) throws { store = try SampleStore(for: output) }

  public func start(expectedSamples: Int?) {}
  public func write(_ samples: [Float]) throws { try store.append(samples) }
}
