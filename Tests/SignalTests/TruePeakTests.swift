import Foundation
import Signal
import Testing

@Suite struct TruePeakTests {
  /// The highest magnitude on a grid 16 times as fine, by plain sinc interpolation in double precision.
  static func finePeak(_ samples: [Float], reach: Int = 64) -> Double {
    var peak = 0.0
    for index in 0..<samples.count {
      // Only crests matter: look where the samples are high.
      if abs(samples[index]) < 0.35 { continue }
      for step in -8...8 {
        let fraction = Double(step) / 16
        var value = Double(samples[index])
        if step != 0 {
          value = 0
          for tap in max(0, index - reach)...min(samples.count - 1, index + reach) {
            let x = Double(tap - index) - fraction
            let window = cos(Double.pi / 2 * x / Double(reach + 1))
            value += Double(samples[tap]) * sin(Double.pi * x) / (Double.pi * x) * window * window
          }
        }
        peak = max(peak, abs(value))
      }
    }
    return peak
  }

  static func tone(_ frequency: Double, _ amplitude: Double, count: Int = 4800) -> [Float] {
    (0..<count).map { index in
      let edge = min(1, Double(min(index, count - 1 - index)) / 400)
      let fade = 0.5 - 0.5 * cos(Double.pi * edge)
      return Float(
        fade * amplitude
          * sin(2 * Double.pi * frequency * Double(index) / 48_000 + Double.pi / 4))
    }
  }

  static func limit(_ samples: [Float], _ limiter: inout TruePeakLimiter, piece: Int = 1000)
    -> [Float]
  {
    var out: [Float] = []
    for start in stride(from: 0, to: samples.count, by: piece) {
      out += limiter.process(Array(samples[start..<min(samples.count, start + piece)]))
    }
    return out + limiter.finish()
  }

  static let loud: [(name: String, samples: [Float])] = [
    ("low tone", tone(100, 1.5)),
    ("crests between samples", tone(12_000, 1.3)),
    ("high tone", tone(19_000, 1.2)),
    ("noise", smooth(scatter(9600, seed: 4).map { $0 * 3 })),
    ("click", (0..<2000).map { $0 == 700 ? 4 : 0 }),
    ("step at the very start", [Float](repeating: 1.4, count: 900)),
    ("bursts", zip(tone(3000, 1.6), 0..<4800).map { $0 * (($1 / 600) % 2 == 0 ? 1 : 0.2) }),
  ]

  /// Takes off what lies near half the sampling rate, where no interpolation is exact.
  static func smooth(_ x: [Float]) -> [Float] {
    (0..<x.count).map { i in
      (x[max(0, i - 1)] + 2 * x[i] + x[min(x.count - 1, i + 1)]) / 4
    }
  }

  @Test(arguments: loud.indices) func theCeilingHolds(index: Int) {
    let (name, samples) = TruePeakTests.loud[index]
    var limiter = TruePeakLimiter(ceiling: -1)
    let out = TruePeakTests.limit(samples, &limiter)
    #expect(out.count == samples.count)
    let ceiling = pow(10, -1.0 / 20)
    let samplePeak = out.map { abs($0) }.max()!
    #expect(samplePeak <= Float(ceiling), "\(name)")
    // A lone click or a step has no band limit that a sinc could follow.
    if name != "click" && name != "step at the very start" {
      let over = 20 * log10(TruePeakTests.finePeak(out) / ceiling)
      #expect(over < 0.1, "\(name): \(over) dB over")
      #expect(over > -0.6, "\(name): \(over) dB, more limited than it need be")
    }
    #expect(limiter.maximumReduction > 1)
  }

  @Test func whatIsBelowPassesBitForBit() {
    let quiet = TruePeakTests.smooth(scatter(5000, seed: 8)).map { $0 * 0.5 }
    var limiter = TruePeakLimiter()
    let out = TruePeakTests.limit(quiet, &limiter)
    #expect(difference(out, quiet) == 0)
    #expect(limiter.maximumReduction == 0)
  }

  /// Away from a peak, before the look-ahead and well after the release, nothing is touched.
  @Test func theGainComesBack() {
    var samples = TruePeakTests.smooth(scatter(96_000, seed: 5)).map { $0 * 0.3 }
    for index in 10_000..<10_100 { samples[index] *= 8 }
    var limiter = TruePeakLimiter()
    let out = TruePeakTests.limit(samples, &limiter)
    let touched = samples.indices.filter { out[$0] != samples[$0] }
    #expect(touched.first! > 9_700 && touched.first! < 10_000)
    #expect(touched.contains(10_050))
    #expect(touched.last! > 12_000 && touched.last! < 60_000)
  }

  /// A steady tone under a limited burst shows the gain: it never jumps.
  @Test func theGainMovesSmoothly() {
    let samples = (0..<20_000).map { $0 >= 9000 && $0 < 9050 ? Float(3) : 0.5 }
    var limiter = TruePeakLimiter()
    let gains = zip(TruePeakTests.limit(samples, &limiter), samples).map { $0 / $1 }
    let step = zip(gains.dropFirst(), gains).map { abs($0 - $1) }.max()!
    // A fall to 0.3 over 240 samples along a Hann kernel is steepest at 0.7 * 2 / 240.
    #expect(step < 0.0065)
  }

  @Test(arguments: [1, 13, 480, 48_000]) func piecesChangeNothing(piece: Int) {
    let samples = TruePeakTests.loud[3].samples
    var (one, other) = (TruePeakLimiter(), TruePeakLimiter())
    let pieces = TruePeakTests.limit(samples, &one, piece: piece)
    #expect(difference(pieces, TruePeakTests.limit(samples, &other)) == 0)
  }

  @Test func emptyAndShortStreams() {
    for count in [0, 1, 5, 100] {
      var limiter = TruePeakLimiter()
      let samples = scatter(count, seed: 2).map { $0 * 0.2 }
      let out = TruePeakTests.limit(samples, &limiter)
      #expect(difference(out, samples) == 0)
    }
  }

  /// A tone of full scale at a quarter of the rate, 45 degrees off: samples at -3 dB, true peak 0 dB.
  @Test(arguments: [100.0, 5000, 12_000, 17_000, 20_000]) func theMeterFindsTheCrest(hertz: Double)
  {
    var meter = TruePeakMeter()
    meter.add(TruePeakTests.tone(hertz, 1))
    #expect(abs(meter.decibels) < 0.08, "\(hertz) Hz: \(meter.decibels) dB")
    if hertz == 12_000 { #expect(abs(meter.samplePeak - 0.7071) < 0.001) }
  }

  @Test func fadesReachSilenceAndLeaveTheMiddle() {
    let ones = [Float](repeating: 1, count: 1000)
    var fade = EdgeFade(total: 1000, rise: 100, fall: 200)
    let out = fade.process(Array(ones[0..<450])) + fade.process(Array(ones[450...]))
    #expect(out[0] < 0.001 && out[999] < 0.001)
    #expect(out[100..<800].allSatisfy { $0 == 1 })
    #expect(zip(out[0..<100], out[1...100]).allSatisfy { $0 <= $1 })
    var short = EdgeFade(total: 10, rise: 100, fall: 100)
    #expect(short.process([Float](repeating: 1, count: 10)).max()! < 1)
  }
}
