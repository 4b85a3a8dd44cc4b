import Foundation

/// Makes the side of a mono sound: what is added on the left and taken away on the right to give it width.
///
/// Left is middle plus side, right is middle minus side, and the middle is the mono sound itself: whoever listens in
/// mono hears exactly that, for the side cancels. The side is the sound without its lows, which stay in the centre,
/// through a sparse filter of a few milliseconds (velvet noise, after Alary, Politis and Välimäki, "Velvet-noise
/// decorrelator", DAFx 2017): unlike the middle, but without a colour of its own. It comes after the middle, so that an
/// attack is heard in the centre, where it is seen.
///
/// Memory does not grow; a sample gives a sample.
public struct StereoWidener: Sendable {
  /// Samples at 48 kHz by which a copy is late, and its gain. One copy to every 2 ms at a random place within, with
  /// random sign, falling by 12 dB; of many such draws one of the flattest, and then scaled to an energy of 1.
  static let taps: [(delay: Int, gain: Float)] = {
    let spacing = 96
    var state: UInt64 = StereoWidener.seed
    func next() -> UInt64 {
      // SplitMix64
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    let count = 12
    var taps = (0..<count).map { index -> (delay: Int, gain: Float) in
      let place = Int(next() % UInt64(spacing))
      let sign: Float = next() & 1 == 0 ? 1 : -1
      let gain = sign * pow(10, -12 * Float(index) / Float(count - 1) / 20)
      return (48 + index * spacing + place, gain)
    }
    let energy = taps.reduce(0) { $0 + $1.gain * $1.gain }
    for index in taps.indices { taps[index].gain /= energy.squareRoot() }
    return taps
  }()
  /// Of the draws with seeds 1 to 4000 the flattest: in thirds of an octave from 250 Hz up, neither channel is more than
  /// 1.4 dB from flat, and the two are within 2 dB of one another.
  static let seed: UInt64 = 1680

  /// Level of the side against the middle where both are loudest. With it the correlation of the two channels is
  /// (1 - w^2) / (1 + w^2), about a half.
  public static let width: Float = 0.6

  /// Hertz; a sound's lows have no direction and cost headroom.
  private static let lowest = 180.0

  private var history: [Float]
  private var place = 0
  private let filter: (b0: Float, b1: Float, b2: Float, a1: Float, a2: Float)
  private var state: (Float, Float) = (0, 0)

  public init(sampleRate: Int = 48_000) {
    precondition(sampleRate == 48_000, "the copies' delays are samples at 48 kHz")
    var length = 1
    while length <= StereoWidener.taps.last!.delay { length *= 2 }
    history = [Float](repeating: 0, count: length)
    // Butterworth high-pass of second order (bilinear).
    let w = 2 * Double.pi * StereoWidener.lowest / Double(sampleRate)
    let alpha = sin(w) / 2.0.squareRoot()
    let a0 = 1 + alpha
    filter = (
      Float((1 + cos(w)) / 2 / a0), Float(-(1 + cos(w)) / a0), Float((1 + cos(w)) / 2 / a0),
      Float(-2 * cos(w) / a0), Float((1 - alpha) / a0)
    )
  }

  /// The side that belongs to the next samples of the middle.
  public mutating func side(of middle: [Float]) -> [Float] {
    let mask = history.count - 1
    let taps = StereoWidener.taps
    return middle.map { sample in
      history[place & mask] = sample
      var sum: Float = 0
      for tap in taps { sum += tap.gain * history[(place &- tap.delay) & mask] }
      place += 1
      // Transposed direct form 2.
      let input = StereoWidener.width * sum
      let output = filter.b0 * input + state.0
      state.0 = filter.b1 * input - filter.a1 * output + state.1
      state.1 = filter.b2 * input - filter.a2 * output
      // Long silence would fade through numbers so small that they take hundreds of times as long.
      if abs(state.0) < 1e-20 { state.0 = 0 }
      if abs(state.1) < 1e-20 { state.1 = 0 }
      return output
    }
  }
}
