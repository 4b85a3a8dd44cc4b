import Foundation
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

  private func guarded(_ frames: [Float], _ strokes: [Int], piece: Int? = nil) -> [Float] {
    var decays = DecayGuard(bands: bands, rate: rate)
    var out: [Float] = []
    let size = (piece ?? frames.count / bands) * bands
    for start in stride(from: 0, to: frames.count, by: size) {
      let end = min(start + size, frames.count)
      // Strokes are told with the piece in which they begin, or just before.
      let known = start / bands + 5..<end / bands + 5
      out += decays.push(
        StrokePlacer.Placed(
          frames: Array(frames[start..<end]),
          strokes: strokes.filter { known.contains($0) || (start == 0 && $0 < 5) }))
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
    let after = guarded(before, [50])
    #expect(after.count == before.count)
    #expect(rise(before, 65..<115) > 5, "crests are cut, dips are not filled")
    #expect(rise(after, 65..<115) < 2.5)
    #expect(after.prefix(54 * bands) == before.prefix(54 * bands), "the attack is its own")
    #expect(zip(after, before).allSatisfy { $0 <= $1 }, "nothing is made louder")
  }

  @Test func withoutStrokesNothingChanges() {
    let before = frames(150, rippling)
    #expect(guarded(before, []) == before)
  }

  /// What was there before a stroke is there after it.
  @Test func backgroundRemains() {
    let rain: Float = -40
    let before = frames(300) { frame, band in
      let stroke = self.rippling(frame, band)
      return 10 * log10(pow(10, rain / 10) + pow(10, stroke / 10))
    }
    let after = guarded(before, [50]).map { $0 * 20 / Float(log(10.0)) }
    #expect(after.allSatisfy { $0 > rain - 3.01 })
  }

  @Test func aCryIsLeftAloneUntilItFalls() {
    let cry = frames(150) { frame, band in
      frame < 50 ? -80 : frame < 110 ? -20 + 2 * sin(Float(frame + band)) : -80
    }
    // Levels are averages over 50 ms.
    #expect(guarded(cry, [50]).prefix(105 * bands) == cry.prefix(105 * bands))
  }

  /// A bell that falls by 30 dB per second may fall by 60, a thud falls faster than any limit: decibels lost 700 ms
  /// after the stroke.
  @Test(arguments: [(30, 15...20), (100, 0...1)] as [(Float, ClosedRange<Float>)])
  func decaysKeepTheirPace(_ fall: Float, _ expected: ClosedRange<Float>) {
    let before = frames(200) { frame, _ in
      frame < 50 ? -100 : -10 - fall * Float(frame - 50) / 100
    }
    let after = guarded(before, [50])
    let lost = (before[120 * bands] - after[120 * bands]) * 20 / Float(log(10.0))
    #expect(expected.contains(lost), "\(lost) dB")
  }

  @Test func theNextStrokeIsWhole() {
    let before = frames(250) { frame, band in
      self.rippling(frame < 120 ? frame : frame - 70, band)
    }
    let after = guarded(before, [50, 120])
    #expect(after[120 * bands..<124 * bands] == before[120 * bands..<124 * bands])
    #expect(rise(after, 65..<115) < 2.5)
    #expect(rise(after, 135..<185) < 2.5)
  }

  /// What begins much later without being seen is heard, and it does not come with a jump.
  @Test func bandsAreSetFree() {
    let before = frames(800) { frame, _ in
      frame < 50 ? -80 : max(-10 - Float(frame - 50), frame > 100 ? -35 : -80)
    }
    let after = guarded(before, [50])
    #expect(after.suffix(bands) == before.suffix(bands))
    #expect(rise(after, 101..<799) < 1.21, "24 dB in a second")
  }

  @Test(arguments: [1, 7, 100]) func doesNotDependOnThePieces(piece: Int) {
    let before = frames(250) { frame, band in
      self.rippling(frame < 120 ? frame : frame - 70, band)
    }
    #expect(guarded(before, [50, 120], piece: piece) == guarded(before, [50, 120]))
  }
}
