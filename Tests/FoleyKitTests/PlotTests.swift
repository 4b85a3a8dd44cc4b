import Foundation
import Testing

@testable import FoleyKit

@Suite struct PlotTests {
  static func tone(_ hertz: Double, seconds: Double, amplitude: Double = 0.5) -> [Float] {
    (0..<Int(seconds * 48_000)).map {
      Float(amplitude * sin(2 * Double.pi * hertz * Double($0) / 48_000))
    }
  }

  static func gathered(_ samples: [Float], piece: Int = 10_000) -> PlotAccumulator {
    var accumulator = PlotAccumulator()
    for start in stride(from: 0, to: samples.count, by: piece) {
      accumulator.add(Array(samples[start..<min(samples.count, start + piece)]))
    }
    return accumulator
  }

  /// Brightness of one pixel, 0...765.
  static func light(_ canvas: Canvas, _ x: Int, _ y: Int) -> Int {
    let place = (y * canvas.width + x) * 3
    return canvas.rgb[place..<place + 3].reduce(0) { $0 + Int($1) }
  }

  @Test(arguments: [60.0, 440, 3000, 15_000]) func aToneIsBrightestInItsRow(hertz: Double) {
    let sound = PlotTests.gathered(PlotTests.tone(hertz, seconds: 0.5)).finished()
    let rows = PlotAccumulator.rows
    let column = sound.powers.count / rows / 2
    let powers = sound.powers[column * rows..<(column + 1) * rows]
    let row = powers.indices.max { powers[$0] < powers[$1] }! - powers.startIndex
    let span = log(PlotAccumulator.highest / PlotAccumulator.lowest)
    let expected = log(hertz / PlotAccumulator.lowest) / span * Double(rows)
    // A bin of the longest window is several rows wide at 60 Hz.
    #expect(abs(Double(row) + 0.5 - expected) < (hertz < 100 ? 12 : 4))
    // Half of full scale is -6 dB, less what the row's width averages away.
    #expect(10 * log10(powers.max()!) > -12 && 10 * log10(powers.max()!) < -5.5)
  }

  @Test func piecesChangeNothing() {
    let samples = PlotTests.tone(700, seconds: 1.3)
    let (a, b) = (
      PlotTests.gathered(samples, piece: 777), PlotTests.gathered(samples, piece: 62_400)
    )
    #expect(a.finished().powers.count == 260 * PlotAccumulator.rows)
    let same = a.finished().powers == b.finished().powers
    #expect(same)
    #expect(a.wave.count == b.wave.count)
  }

  /// However long the sound, cells are joined rather than added.
  @Test func memoryIsBounded() {
    var accumulator = PlotAccumulator(sampleRate: 48_000)
    let second = PlotTests.tone(100, seconds: 1)
    for _ in 0..<40 { accumulator.add(second) }
    #expect(accumulator.samples == 40 * 48_000)
    #expect(accumulator.wave.count <= 16_384)
    #expect(accumulator.finished().powers.count <= 3200 * PlotAccumulator.rows)
    #expect(accumulator.wave.reduce(0) { $0 + $1.count } == 40 * 48_000)
    #expect(abs(accumulator.peak - 0.5) < 1e-4)
  }

  @Test func anEventIsMarkedAtItsTime() {
    let sound = PlotTests.gathered([Float](repeating: 0, count: 96_000))
    let plain = Plot.draw(sound, PlotDescription(title: "a"), width: 800, height: 450)
    let marked = Plot.draw(
      sound,
      PlotDescription(
        title: "a", events: [.init(time: 0.5, strength: 1), .init(time: 9, strength: 1)]),
      width: 800, height: 450)
    let changed = (0..<800).filter { x in
      (0..<450).contains { PlotTests.light(marked, x, $0) > PlotTests.light(plain, x, $0) + 60 }
    }
    // The plot's frame reaches from 76 to 716; a quarter of two seconds lies at 236. The other event
    // lies beyond the sound.
    #expect(!changed.isEmpty && changed.allSatisfy { abs($0 - 236) <= 2 })
  }

  @Test(arguments: [0, 1, 100]) func anEmptySoundIsAPictureToo(count: Int) {
    let canvas = Plot.draw(
      PlotTests.gathered([Float](repeating: 0.1, count: count)),
      PlotDescription(title: "", prompt: "\u{1F600} caf\u{E9}", motion: [0.5]), width: 640,
      height: 360)
    #expect(canvas.width == 640 && canvas.rgb.count == 640 * 360 * 3)
  }

  @Test func labels() {
    #expect(PlotTicks.time(8, most: 12).step == 1)
    #expect(PlotTicks.time(3600, most: 12).step == 300)
    #expect(PlotTicks.label(2.5, step: 0.5, duration: 4) == "2.5 s")
    #expect(PlotTicks.label(90, step: 30, duration: 300) == "1:30")
    #expect(PlotTicks.label(3723, step: 60, duration: 7200) == "1:02:03")
    #expect(PlotTicks.amplitude(holding: 0.9).decibels == 0)
    #expect(PlotTicks.amplitude(holding: 0.2).decibels == -12)
    let fitted = StrokeFont.fitted("a long line of text", size: 12, width: 80)
    #expect(fitted.hasSuffix("...") && StrokeFont.width(of: fitted, size: 12) <= 80)
  }
}
