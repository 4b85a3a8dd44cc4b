import Foundation

/// Holds the true peak of a stream under a ceiling by a gain that moves smoothly ahead of each peak.
///
/// Every sample asks for a gain; the least gain asked for within the look-ahead is taken, let go
/// exponentially, and smoothed by a Hann kernel as long as the look-ahead. What needs no limiting
/// passes bit for bit. As many samples come out as went in, in the same places; they come out later,
/// the last ones from `finish`.
public struct TruePeakLimiter: Sendable {
  /// Linear; 1 is full scale.
  public let ceiling: Float
  private let lookAhead: Int
  private let release: Float
  private let kernel: [Float]
  private var interpolator: PeakInterpolator

  /// Samples that wait for their gain, from `emitted` on.
  private var waiting: [Float] = []
  private var waitingStart = 0
  private var received = 0
  /// Samples whose asked gain is known.
  private var measured = 0
  private var previousPeak: Float = 0
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
  ///   - ceiling: in dB true peak, at most 0.
  ///   - lookAhead: seconds from the first move of the gain to the peak that asks for it.
  ///   - release: seconds in which the gain comes back by 63 %.
  public init(
    ceiling: Float = -1, sampleRate: Int = 48_000, lookAhead: Double = 0.005,
    release: Double = 0.08
  ) {
    precondition(ceiling <= 0, "a ceiling of \(ceiling) dB")
    precondition(lookAhead > 0 && release > 0)
    let samples = max(1, Int((lookAhead * Double(sampleRate)).rounded()))
    // The gain's own movement can lift a crest by some thousandths of a dB: aim that much lower.
    self.ceiling = pow(10, ceiling / 20)
    self.lookAhead = samples
    self.release = Float(1 - exp(-1 / (release * Double(sampleRate))))
    let hann = (0...samples).map { 1 - cos(2 * Double.pi * (Double($0) + 1) / Double(samples + 2)) }
    let sum = hann.reduce(0, +)
    kernel = hann.map { Float($0 / sum) }
    interpolator = PeakInterpolator(threshold: self.ceiling)
    reductions = [Float](repeating: 0, count: samples + 1)
    quiet = samples + 1
  }

  /// The strongest reduction so far in dB, 0 when nothing was limited.
  public var maximumReduction: Float { max(0, -20 * log10(max(lowestGain, 1e-10))) }

  /// Takes samples and returns those that are ready.
  public mutating func process(_ samples: [Float]) -> [Float] {
    var out: [Float] = []
    out.reserveCapacity(samples.count)
    for sample in samples {
      waiting.append(sample)
      received += 1
      take(interpolator.push(sample), &out)
    }
    compact()
    return out
  }

  /// The samples still held back.
  public mutating func finish() -> [Float] {
    var out: [Float] = []
    let remaining = waiting.count - waitingStart
    var step = 0
    while out.count < remaining {
      // Silence follows: first through the interpolator, then as gains of 1.
      take(step <= PeakInterpolator.reach ? interpolator.push(0) : 0, &out)
      step += 1
    }
    waiting = []
    waitingStart = 0
    return out
  }

  /// `peak`: the highest magnitude from sample `steps so far - reach` to the one after it.
  private mutating func take(_ peak: Float, _ out: inout [Float]) {
    measured += 1
    let place = measured - 1 - PeakInterpolator.reach
    // A sample answers for the crests on both its sides.
    let highest = max(previousPeak, peak)
    previousPeak = peak
    guard place >= 0 else { return }
    ask(highest > ceiling ? ceiling / highest : 1, at: place)
    let current = place - lookAhead
    advance(current, &out)
  }

  private mutating func ask(_ gain: Float, at place: Int) {
    while least.count > leastStart, least[least.count - 1].gain >= gain { least.removeLast() }
    least.append((place, gain))
  }

  /// Sample `current` now knows every gain asked for up to `current + lookAhead`.
  private mutating func advance(_ current: Int, _ out: inout [Float]) {
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
    guard current >= 0 else { return }
    let sample = waiting[waitingStart]
    waitingStart += 1
    guard quiet <= lookAhead else {
      out.append(sample)
      return
    }
    let gain = 1 - smoothed()
    lowestGain = min(lowestGain, gain)
    let limited = sample * gain
    out.append(limited > ceiling ? ceiling : limited < -ceiling ? -ceiling : limited)
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

  private mutating func compact() {
    waiting.removeFirst(waitingStart)
    waitingStart = 0
  }
}
