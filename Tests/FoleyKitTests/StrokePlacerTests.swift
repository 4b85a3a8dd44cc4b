import Foundation
import Motion
import Testing

@testable import FoleyKit

@Suite struct StrokePlacerTests {
  private let bands = 10
  private let rate = 100.0
  private let silence: Float = -80

  /// A knock at each of these frames that falls by 100 dB a second, its bands at slightly different levels.
  private func knocks(_ times: [Int], _ count: Int, level: Float = -10) -> [Float] {
    decibels(count) { frame, band in
      let last = times.last { $0 <= frame } ?? -1000
      return max(silence, level + 0.1 * Float(band) - Float(frame - last))
    }
  }

  private func decibels(_ count: Int, _ level: (Int, Int) -> Float) -> [Float] {
    (0..<count).flatMap { frame in
      (0..<bands).map { level(frame, $0) * Float(log(10.0)) / 20 }
    }
  }

  private func placed(
    _ frames: [Float], _ times: [Double], moves: Bool = true, piece: Int? = nil
  ) -> StrokePlacer.Placed {
    var placer = StrokePlacer(bands: bands, rate: rate, moves: moves)
    let events = times.map { VisualEvent(time: $0, strength: 0.9) }
    var out = StrokePlacer.Placed()
    let size = (piece ?? max(1, frames.count / bands)) * bands
    var known = 0.0
    func add(_ more: StrokePlacer.Placed) {
      out.frames += more.frames
      out.strokes += more.strokes
      let end = out.frames.count / bands
      #expect(more.strokes.allSatisfy { $0 > end - 1 - more.frames.count / bands }, "told in time")
    }
    for start in stride(from: 0, to: frames.count, by: size) {
      let end = min(start + size, frames.count)
      let until = Double(end / bands) / rate
      add(
        placer.push(
          Array(frames[start..<end]), seen: events.filter { known <= $0.time && $0.time < until },
          until: until))
      known = until
    }
    add(placer.finish())
    return out
  }

  /// Frames at which the sound rises by 10 dB.
  private func attacks(_ frames: [Float]) -> [Int] {
    let levels = stride(from: 0, to: frames.count, by: bands).map {
      frames[$0] * 20 / Float(log(10.0))
    }
    return (1..<levels.count).filter { levels[$0] > levels[$0 - 1] + 10 }
  }

  @Test func strokesMoveToTheirEvents() {
    let result = placed(knocks([42, 108, 160, 235], 300), [0.5, 1, 1.7, 2.3])
    #expect(result.strokes == [50, 100, 170, 230])
    #expect(attacks(result.frames) == [50, 100, 170, 230])
    #expect(result.frames.count == 300 * bands)
  }

  /// Of two strokes about an event the louder one is its own; what else there is falls to `DecayGuard`.
  @Test func theLouderOfTwoIsTaken() {
    var sound = knocks([94], 200, level: -30)
    let louder = knocks([108], 200, level: -5)
    for index in sound.indices { sound[index] = max(sound[index], louder[index]) }
    #expect(placed(sound, [1]).strokes == [100])
    #expect(attacks(placed(sound, [1]).frames).contains(100))
  }

  /// Strokes every 250 ms keep their order, and no two events take the same one.
  @Test func denseStrokesKeepTheirOrder() {
    let events = (1...8).map { 0.25 * Double($0) }
    let late = (1...8).map { 25 * $0 + ($0.isMultiple(of: 2) ? 8 : -7) }
    let result = placed(knocks(late, 260), events)
    #expect(result.strokes == (1...8).map { 25 * $0 })
    #expect(attacks(result.frames) == result.strokes)
  }

  @Test func anEventWithoutAStrokeHearsAnEarlierOne() {
    let result = placed(knocks([50, 100], 300), [0.5, 1, 1.6])
    #expect(result.strokes == [50, 100, 160])
    #expect(attacks(result.frames) == [50, 100, 160])
    func stroke(_ frame: Int) -> ArraySlice<Float> {
      result.frames[frame * bands..<(frame + 20) * bands]
    }
    #expect(Array(stroke(160)) == Array(stroke(50)))
  }

  /// What was long ago is not heard again, and without any stroke nothing is added.
  @Test func nothingIsMadeUp() {
    let old = knocks([50], 600)
    #expect(placed(old, [0.5, 5]).strokes == [50])
    #expect(placed(old, [0.5, 5]).frames == old)
    let rain = decibels(300) { frame, band in -30 + 2 * sin(Float(frame * 7 + band * 13)) }
    #expect(placed(rain, [0.5, 1, 2]).frames == rain)
    #expect(placed(rain, [0.5, 1, 2]).strokes == [])
  }

  @Test func withoutMovingStrokesAreFoundWhereTheyAre() {
    let sound = knocks([42, 108], 300)
    let result = placed(sound, [0.5, 1, 1.6], moves: false)
    #expect(result.frames == sound)
    #expect(result.strokes == [42, 108])
  }

  /// A while after the last stroke what follows is where it was.
  @Test func theRestIsInStepAgain() {
    var sound = knocks([88], 600)
    for band in 0..<bands { sound[500 * bands + band] = 0 }
    let result = placed(sound, [1])
    #expect(attacks(result.frames) == [100, 500])
  }

  @Test func startAndEndStayWhole() {
    let early = placed(knocks([1, 290], 300), [0.05, 2.95])
    #expect(early.frames.count == 300 * bands)
    #expect(attacks(early.frames) == [5, 295])
    #expect(
      placed(knocks([100], 200), [1, 7]).frames == knocks([100], 200), "an event after the end")
    #expect(placed([], [1]).frames == [])
  }

  @Test(arguments: [1, 7, 100]) func doesNotDependOnThePieces(piece: Int) {
    let sound = knocks([42, 108, 160, 235, 412], 500)
    let events = [0.5, 1, 1.3, 1.7, 2.3, 2.55, 4, 4.5]
    let (whole, pieces) = (placed(sound, events), placed(sound, events, piece: piece))
    #expect(pieces.frames == whole.frames)
    #expect(pieces.strokes == whole.strokes)
  }

  @Test func weakHintsAreNoStrokes() {
    var placer = StrokePlacer(bands: bands, rate: rate, moves: true)
    let sound = knocks([45], 150)
    let hint = VisualEvent(time: 0.5, strength: VisualEvent.threshold - 0.1)
    let placed = placer.push(sound, seen: [hint], until: .infinity)
    #expect(placed.frames + placer.finish().frames == sound)
  }
}
