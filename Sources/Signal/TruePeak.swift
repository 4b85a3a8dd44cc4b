import Foundation

/// The wave between the samples: three more values per sample by a polyphase filter, and a parabola
/// through the highest of them, so that even the crest of a tone of 20 kHz is met within 0.05 dB.
struct PeakInterpolator: Sendable {
  /// Samples on each side of an interpolated value.
  static let reach = 12
  private static let taps = 2 * reach
  private static let phases = 4
  /// `[phases - 1][taps]`, Kaiser-windowed sinc.
  private static let filters: [Float] = {
    var filters: [Float] = []
    for phase in 1..<phases {
      let fraction = Double(phase) / Double(phases)
      var row = (0..<taps).map { tap -> Double in
        let x = Double(tap - (reach - 1)) - fraction
        let across = x / Double(reach)
        let window = bessel(7 * (max(0, 1 - across * across)).squareRoot()) / bessel(7)
        return sin(Double.pi * x) / (Double.pi * x) * window
      }
      let sum = row.reduce(0, +)
      row = row.map { $0 / sum }
      filters += row.map { Float($0) }
    }
    return filters
  }()
  /// No interpolated value, nor the parabola on it, exceeds this times the samples about it.
  private static let bound: Float = {
    let sums = (0..<phases - 1).map { phase in
      filters[phase * taps..<(phase + 1) * taps].reduce(0) { $0 + abs($1) }
    }
    return sums.max()! * 1.25
  }()

  /// Crests below this need not be known; they are then reported as the plain samples' peak.
  private let threshold: Float
  /// The last `taps` samples twice over, so that they lie in order somewhere.
  private var history = [Float](repeating: 0, count: 2 * taps)
  private var position = 0
  /// Samples of the history that might make a crest above the threshold: counted down to the last.
  private var alert = 0
  private var before: Float = 0
  private var current: Float = 0

  init(threshold: Float = 0) { self.threshold = threshold }

  /// Takes sample n and returns the highest magnitude from sample `n - reach` to the one after it.
  mutating func push(_ sample: Float) -> Float {
    let taps = PeakInterpolator.taps
    history[position] = sample
    history[position + taps] = sample
    position = (position + 1) % taps
    // A NaN keeps the alert up.
    if !(abs(sample) * PeakInterpolator.bound < threshold) { alert = taps + 1 }
    let centre = history[position + PeakInterpolator.reach - 1]
    let next = history[position + PeakInterpolator.reach]
    guard alert > 0 else {
      (before, current) = (centre, next)
      return max(abs(centre), abs(next))
    }
    alert -= 1
    return PeakInterpolator.filters.withUnsafeBufferPointer { filters in
      history.withUnsafeBufferPointer { history in
        var peak = max(abs(centre), abs(next))
        // `current` is `centre`, `before` the value a quarter sample ahead of it.
        current = centre
        for phase in 0..<PeakInterpolator.phases {
          var value = next
          if phase < PeakInterpolator.phases - 1 {
            var sums = SIMD4<Float>()
            for tap in stride(from: 0, to: taps, by: 4) {
              let at = position + tap
              let row = phase * taps + tap
              sums +=
                SIMD4(history[at], history[at + 1], history[at + 2], history[at + 3])
                * SIMD4(filters[row], filters[row + 1], filters[row + 2], filters[row + 3])
            }
            value = sums.sum()
          }
          peak = max(peak, abs(value), PeakInterpolator.crest(before, current, value))
          (before, current) = (current, value)
        }
        return peak
      }
    }
  }

  /// The vertex of the parabola through three values when the middle one is an extreme, else 0.
  private static func crest(_ a: Float, _ b: Float, _ c: Float) -> Float {
    let (left, right) = (b - a, b - c)
    guard left * right > 0 else { return 0 }
    let slope = c - a
    return abs(b + slope * slope / (8 * (left + right)))
  }

  /// Modified Bessel function of order 0, by its series.
  private static func bessel(_ x: Double) -> Double {
    var (sum, term) = (1.0, 1.0)
    for k in 1..<40 {
      term *= (x / 2 / Double(k)) * (x / 2 / Double(k))
      sum += term
    }
    return sum
  }
}

/// The highest magnitude of the wave between and at the samples, after ITU-R BS.1770: four-fold
/// oversampling, here with a parabola on the crests.
public struct TruePeakMeter: Sendable {
  private var interpolator = PeakInterpolator()
  private var highest: Float = 0
  /// The highest magnitude among the samples themselves.
  public private(set) var samplePeak: Float = 0

  public init() {}

  public mutating func add(_ samples: [Float]) {
    for sample in samples {
      samplePeak = max(samplePeak, abs(sample))
      highest = max(highest, interpolator.push(sample))
    }
  }

  /// The peak of what was added so far, taking silence to follow; linear, 1 is full scale.
  public var peak: Float {
    var rest = interpolator
    var result = highest
    for _ in 0..<2 * PeakInterpolator.reach { result = max(result, rest.push(0)) }
    return result
  }

  /// The peak in dB of full scale.
  public var decibels: Float { 20 * log10(max(peak, 1e-10)) }
}
