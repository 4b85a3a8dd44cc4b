import Foundation
import TestSupport
import Testing

@testable import Signal

@Suite struct StereoTests {
  private static func pieces(_ sound: [Float], _ size: Int) -> [[Float]] {
    stride(from: 0, to: sound.count, by: size).map {
      Array(sound[$0..<min(sound.count, $0 + size)])
    }
  }

  private static func energy(_ sound: some Sequence<Float>) -> Double {
    sound.reduce(0) { $0 + Double($1) * Double($1) }
  }

  /// The side of noise is as loud as the width says and unlike the middle, in whatever pieces it comes.
  @Test func theSideIsAsWideAsItSays() {
    var noise = WhiteNoise(seed: 5)
    let middle = noise.samples(96_000, level: 0.5)
    var widener = StereoWidener()
    let side = widener.side(of: middle)
    for size in [1, 77, 4096] {
      var other = StereoWidener()
      #expect(Self.pieces(middle, size).flatMap { other.side(of: $0) } == side)
    }
    let level = 10 * log10(Self.energy(side) / Self.energy(middle))
    #expect(abs(level - 20 * log10(Double(StereoWidener.width))) < 0.3, "\(level) dB")
    let left = zip(middle, side).map(+)
    let right = zip(middle, side).map(-)
    let product = zip(left, right).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    let correlation = product / (Self.energy(left) * Self.energy(right)).squareRoot()
    #expect((0.3...0.6).contains(correlation), "\(correlation)")
  }

  /// In thirds of an octave neither channel has a colour; lows stay in the centre.
  @Test func channelsHaveNoColour() {
    var impulse = [Float](repeating: 0, count: 8192)
    impulse[0] = 1
    var widener = StereoWidener()
    let side = widener.side(of: impulse)
    #expect(side[..<48].allSatisfy { $0 == 0 }, "an attack is heard in the centre first")
    let fft = RealFFT(size: 8192)
    func power(_ sound: [Float]) -> [Double] {
      let (real, imaginary) = fft.forward(sound)
      return real.indices.map { Double(real[$0] * real[$0] + imaginary[$0] * imaginary[$0]) }
    }
    let plain = 1 + Double(StereoWidener.width * StereoWidener.width)
    func bands(_ power: [Double]) -> [Double] {
      (0..<18).map { third in
        let edges = [third, third + 1].map { edge -> Int in
          let frequency = 250 * pow(2, Double(edge) / 3)
          return Int(frequency * 8192 / 48_000)
        }
        let mean = power[edges[0]..<edges[1]].reduce(0, +) / Double(edges[1] - edges[0])
        return 10 * log10(mean / plain)
      }
    }
    let left = bands(power(zip(impulse, side).map(+)))
    let right = bands(power(zip(impulse, side).map(-)))
    for (a, b) in zip(left, right) {
      #expect(abs(a) < 1.5 && abs(b) < 1.5 && abs(a - b) < 2.2, "\(a) and \(b) dB")
    }
    #expect(10 * log10(power(side)[Int(60 * 8192 / 48_000)]) < -20, "60 Hz")
  }

  /// What one stream asks for is done to all: the balance stays, and no stream is over the ceiling.
  @Test func linkedLimiter() {
    let loud = TruePeakTests.tone(3000, 1.6)
    let quiet = TruePeakTests.tone(500, 0.3)
    var limiter = LinkedLimiter(ceiling: -1, channels: 2)
    var gains: [Float] = []
    for (a, b) in zip(Self.pieces(loud, 333), Self.pieces(quiet, 333)) {
      gains += limiter.gains([a, b])
    }
    gains += limiter.finish()
    #expect(gains.count == loud.count)
    let limited = zip(loud, gains).map { $0 * $1 }
    let over = 20 * log10(TruePeakTests.finePeak(limited)) + 1
    #expect(over < 0.05 && over > -0.6, "\(over) dB over the ceiling")
    #expect(limiter.maximumReduction > 4.9)
    // A single stream gets what the plain limiter gives.
    var plain = TruePeakLimiter(ceiling: -1)
    let expected = TruePeakTests.limit(loud, &plain)
    #expect(zip(limited, expected).allSatisfy { abs($0 - $1) < 1e-6 })
    var idle = LinkedLimiter(ceiling: -1, channels: 1)
    #expect((idle.gains([quiet]) + idle.finish()).allSatisfy { $0 == 1 })
  }

  /// Down when the other sound begins, up again after it, and never in between two of its beats.
  @Test func ducking() {
    var noise = WhiteNoise(seed: 3)
    var key = [Float](repeating: 0, count: 5 * 48_000)
    for beat in [2.0, 2.3, 2.6] {
      let start = Int(beat * 48_000)
      for offset in 0..<4800 { key[start + offset] = 0.5 * noise.next() }
    }
    var ducker = Ducker(depth: 12)
    var gains: [Float] = []
    for piece in Self.pieces(key, 1000) { gains += ducker.gains(piece) }
    gains += ducker.finish()
    #expect(gains.count == key.count)
    func decibels(_ seconds: Double) -> Float { 20 * log10(gains[Int(seconds * 48_000)]) }
    #expect(decibels(0) == 0 && decibels(1.8) == 0 && decibels(3.4) == 0 && decibels(4.9) == 0)
    for time in [2.02, 2.25, 2.5, 2.68, 2.9] {
      #expect(abs(decibels(time) + 12) < 0.1, "\(time) s")
    }
    let steps = zip(gains, gains.dropFirst()).map { abs($0 - $1) }
    #expect(steps.max()! < 0.0005, "it never jumps")
    // Other pieces, the same gains.
    var other = Ducker(depth: 12)
    var again: [Float] = []
    for piece in Self.pieces(key, 7) { again += other.gains(piece) }
    #expect(again + other.finish() == gains)
    var short = Ducker(depth: 12)
    #expect(short.gains([0.01, 0.01]) + short.finish() == [1, 1])
  }
}
