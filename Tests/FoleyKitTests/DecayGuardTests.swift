import Foundation
import Motion
import Testing

@testable import FoleyKit

@Suite struct DecayGuardTests {
  private let bands = 10
  private let rate = 100.0

  /// Log magnitudes: every band at this level in decibels of power, by frame and band.
  private func frames(_ count: Int, _ level: (Int, Int) -> Float) -> [Float] {
    (0..<count).flatMap { frame in
      (0..<bands).map { band in level(frame, band) * Float(log(10.0)) / 20 }
    }
  }

  private func guarded(_ frames: [Float], _ times: [Double], piece: Int? = nil) -> [Float] {
    var decays = DecayGuard(bands: bands, rate: rate)
    let events = times.map { VisualEvent(time: $0, strength: 0.9) }
    var out: [Float] = []
    let size = (piece ?? frames.count / bands) * bands
    var known = 0.0
    for start in stride(from: 0, to: frames.count, by: size) {
      let end = min(start + size, frames.count)
      let until = Double(end / bands) / rate
      out += decays.push(
        Array(frames[start..<end]), seen: events.filter { known <= $0.time && $0.time < until },
        until: until)
      known = until
    }
    return out + decays.finish()
  }

  /// Greatest rise of a band within half a ripple, in decibels.
  private func rise(_ frames: [Float], _ range: Range<Int>) -> Float {
    range.map { frame in
      (0..<bands).map { band in
        (frames[frame * bands + band] - frames[(frame - 5) * bands + band]) * 20 / Float(log(10.0))
      }.max()!
    }.max()!
  }

  /// A stroke at frame 50 that decays, each band wavering by 12 dB ten times a second.
  private func rippling(_ frame: Int, _ band: Int) -> Float {
    guard frame >= 50 else { return -80 }
    let since = frame - 50
    return -10 - Float(since) + (since > 4 ? 6 * sin(Float(since + band) * .pi / 5) : 0)
  }

  @Test func ripplesAfterAStrokeAreGone() {
    let before = frames(150, rippling)
    let after = guarded(before, [0.5])
    #expect(after.count == before.count)
    #expect(rise(before, 65..<115) > 5, "crests are cut, dips are not filled")
    #expect(rise(after, 65..<115) < 2.5)
    #expect(after.prefix(54 * bands) == before.prefix(54 * bands), "the attack is its own")
    #expect(zip(after, before).allSatisfy { $0 <= $1 }, "nothing is made louder")
  }

  @Test func withoutEventsNothingChanges() {
    let before = frames(150, rippling)
    #expect(guarded(before, []) == before)
  }

  /// The event is seen up to 80 ms before or after what belongs to it.
  @Test(arguments: [0.43, 0.57]) func findsTheOnset(event: Double) {
    let before = frames(150, rippling)
    let after = guarded(before, [event])
    #expect(rise(after, 65..<115) < 2.5)
    #expect(after.prefix(54 * bands) == before.prefix(54 * bands))
  }

  /// Rain falls on when a hammer strikes somewhere.
  @Test func steadySoundsAreLeftAlone() {
    let rain = frames(300) { frame, band in -30 + 4 * sin(Float(frame * 7 + band * 13)) }
    #expect(guarded(rain, [0.5, 1, 2]) == rain)
  }

  /// What was there before a stroke is there after it.
  @Test func backgroundRemains() {
    let rain: Float = -40
    let before = frames(300) { frame, band in
      let stroke = self.rippling(frame, band)
      return 10 * log10(pow(10, rain / 10) + pow(10, stroke / 10))
    }
    let after = guarded(before, [0.5]).map { $0 * 20 / Float(log(10.0)) }
    #expect(after.allSatisfy { $0 > rain - 3.01 })
  }

  @Test func aCryIsLeftAloneUntilItFalls() {
    let cry = frames(150) { frame, band in
      frame < 50 ? -80 : frame < 110 ? -20 + 2 * sin(Float(frame + band)) : -80
    }
    // Levels are averages over 50 ms.
    #expect(guarded(cry, [0.5]).prefix(105 * bands) == cry.prefix(105 * bands))
  }

  /// A bell that falls by 30 dB per second may fall by 60, a thud falls faster than any limit: decibels lost 700 ms
  /// after the stroke.
  @Test(arguments: [(30, 12...18), (100, 0...1)] as [(Float, ClosedRange<Float>)])
  func decaysKeepTheirPace(_ fall: Float, _ expected: ClosedRange<Float>) {
    let before = frames(200) { frame, _ in
      frame < 50 ? -100 : -10 - fall * Float(frame - 50) / 100
    }
    let after = guarded(before, [0.5])
    let lost = (before[120 * bands] - after[120 * bands]) * 20 / Float(log(10.0))
    #expect(expected.contains(lost), "\(lost) dB")
  }

  @Test func theNextStrokeIsWhole() {
    let before = frames(250) { frame, band in
      self.rippling(frame < 120 ? frame : frame - 70, band)
    }
    let after = guarded(before, [0.5, 1.2])
    #expect(after[120 * bands..<124 * bands] == before[120 * bands..<124 * bands])
    #expect(rise(after, 65..<115) < 2.5)
    #expect(rise(after, 135..<185) < 2.5)
  }

  /// What begins much later without being seen is heard, and it does not come with a jump.
  @Test func bandsAreSetFree() {
    let before = frames(800) { frame, _ in
      frame < 50 ? -80 : max(-10 - Float(frame - 50), frame > 100 ? -35 : -80)
    }
    let after = guarded(before, [0.5])
    #expect(after.suffix(bands) == before.suffix(bands))
    #expect(rise(after, 101..<799) < 1.21, "24 dB in a second")
  }

  @Test(arguments: [1, 7, 100]) func doesNotDependOnThePieces(piece: Int) {
    let before = frames(250) { frame, band in
      self.rippling(frame < 120 ? frame : frame - 70, band)
    }
    #expect(guarded(before, [0.5, 1.2], piece: piece) == guarded(before, [0.5, 1.2]))
  }

  @Test func weakHintsAreNoStrokes() {
    var decays = DecayGuard(bands: bands, rate: rate)
    let before = frames(150, rippling)
    let hint = VisualEvent(time: 0.5, strength: VisualEvent.threshold - 0.1)
    #expect(decays.push(before, seen: [hint], until: .infinity) + decays.finish() == before)
  }
}
