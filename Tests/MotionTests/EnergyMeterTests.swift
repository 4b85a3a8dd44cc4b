import Testing

@testable import Motion

@Suite("Energy meter")
struct EnergyMeterTests {
  /// The last frame begins somewhere in the last cell; the rest of it is not stillness.
  @Test("Steady motion is steady to the end", arguments: [0.1, 0.118, 0.121])
  func end(seconds: Double) {
    var meter = EnergyMeter()
    meter.start(at: 0)
    for step in 1...10 { meter.add(until: seconds * Double(step) / 10, level: 0.2) }
    let levels = meter.take(ending: true)
    #expect(levels.count == Int((seconds * 25).rounded(.up)))
    #expect(levels.allSatisfy { $0 > 0.3 && abs($0 - levels[0]) < 1e-4 })
  }

  @Test("An interval of which nothing is known is like the one before")
  func unknown() {
    var meter = EnergyMeter()
    meter.start(at: 0)
    meter.add(until: 0.2, level: 0.2)
    meter.goOn(until: 0.4)
    let levels = meter.take(ending: true)
    #expect(levels.count == 10)
    #expect(levels.allSatisfy { abs($0 - levels[0]) < 1e-4 })
  }
}
