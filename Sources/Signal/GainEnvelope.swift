import Foundation

/// What a limiter does to a stream over time: every sample asks for a gain; the least gain asked for within the
/// look-ahead is taken, let go exponentially, and smoothed by a Hann kernel as long as the look-ahead. So the
/// gain has arrived where it was asked for, and moves smoothly.
struct GainEnvelope: Sendable {
  /// The gain of a sample: nil where nothing is to be done, so that the sample can pass bit for bit.
  struct Gain {
    let value: Float?
  }

  private let lookAhead: Int
  private let release: Float
  private let kernel: [Float]
  private var pushed = 0
  /// (sample, gain asked for), gains rising: the least of the window comes first.
  private var least: [(place: Int, gain: Float)] = []
  private var leastStart = 0
  /// 1 - gain, which decays without the rounding that a gain near 1 would suffer.
  private var reduction: Float = 0
  /// Reductions of the last `lookAhead + 1` samples, as a ring.
  private var reductions: [Float]
  private var ringPlace = 0
  /// Steps since the last reduction.
  private var quiet: Int
  private var lowestGain: Float = 1

  /// - Parameters:
  ///   - lookAhead: seconds from the first move of the gain to the peak that asks for it.
  ///   - release: seconds in which the gain comes back by 63 %.
  init(sampleRate: Int = 48_000, lookAhead: Double = 0.005, release: Double = 0.08) {
    precondition(lookAhead > 0 && release > 0)
    let samples = max(1, Int((lookAhead * Double(sampleRate)).rounded()))
    self.lookAhead = samples
    self.release = Float(1 - exp(-1 / (release * Double(sampleRate))))
    let hann = (0...samples).map { 1 - cos(2 * Double.pi * (Double($0) + 1) / Double(samples + 2)) }
    let sum = hann.reduce(0, +)
    kernel = hann.map { Float($0 / sum) }
    reductions = [Float](repeating: 0, count: samples + 1)
    quiet = samples + 1
  }

  /// The strongest reduction so far in dB, 0 when nothing was limited.
  var maximumReduction: Float { lowestGain < 1 ? -20 * log10(max(lowestGain, 1e-10)) : 0 }

  /// Takes what the next sample asks for, at most 1, and gives the gain of the sample `lookAhead` before it; nil
  /// before the first.
  mutating func push(_ gain: Float) -> Gain? {
    while least.count > leastStart, least[least.count - 1].gain >= gain { least.removeLast() }
    least.append((pushed, gain))
    let current = pushed - lookAhead
    pushed += 1
    while least[leastStart].place < current { leastStart += 1 }
    if leastStart > 4096 {
      least.removeFirst(leastStart)
      leastStart = 0
    }
    reduction = max(1 - least[leastStart].gain, reduction * (1 - release))
    if reduction < 1e-5 { reduction = 0 }  // 0.0001 dB
    reductions[ringPlace] = reduction
    ringPlace = ringPlace == lookAhead ? 0 : ringPlace + 1
    quiet = reduction > 0 ? 0 : min(quiet + 1, lookAhead + 1)
    // Gains before the first sample count, so that a peak at the very start is met.
    guard current >= 0 else { return nil }
    guard quiet <= lookAhead else { return Gain(value: nil) }
    let smooth = 1 - smoothed()
    lowestGain = min(lowestGain, smooth)
    return Gain(value: smooth)
  }

  /// The kernel's mean of the last reductions.
  private func smoothed() -> Float {
    kernel.withUnsafeBufferPointer { kernel in
      reductions.withUnsafeBufferPointer { ring in
        var sum: Float = 0
        let older = ring.count - ringPlace
        for index in 0..<older { sum += kernel[index] * ring[ringPlace + index] }
        for index in 0..<ringPlace { sum += kernel[older + index] * ring[index] }
        return sum
      }
    }
  }
}

/// The highest magnitude of the wave about each sample.
struct PeakTrack: Sendable {
  private var interpolator: PeakInterpolator
  private var previous: Float = 0

  /// - Parameter threshold: crests below this need not be known.
  init(threshold: Float) { interpolator = PeakInterpolator(threshold: threshold) }

  /// Takes a sample and gives the peak about the one `PeakInterpolator.reach` before it.
  mutating func push(_ sample: Float) -> Float {
    let peak = interpolator.push(sample)
    // A sample answers for the crests on both its sides.
    let highest = max(previous, peak)
    previous = peak
    return highest
  }
}
