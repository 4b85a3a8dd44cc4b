import Foundation
import Motion
import Signal
import TestSupport
import Testing

@testable import FoleyKit

@Suite struct AlignmentTests {
  private static let rate = 48_000

  /// Decaying bursts over faint noise.
  private func sound(_ times: [Double], seconds: Double) -> [Float] {
    var noise = WhiteNoise(seed: 3)
    var sound = noise.samples(Int(seconds * Double(Self.rate)), level: 0.0005)
    for time in times {
      let start = Int(time * Double(Self.rate))
      for offset in 0..<6000 where start + offset < sound.count {
        sound[start + offset] += 0.4 * noise.next() * exp(-Float(offset) / 1000)
      }
    }
    return sound
  }

  private func aligned(
    _ sound: [Float], _ events: [Double], piece: Int = 9600
  ) -> (sound: [Float], OnsetAligner.Summary) {
    var aligner = OnsetAligner(sampleRate: Self.rate)
    var (result, told) = ([Float](), 0)
    for start in stride(from: 0, to: sound.count, by: piece) {
      let end = min(sound.count, start + piece)
      // Events are known a little ahead, as windows know them.
      let until = Double(end) / Double(Self.rate) + 2
      let new = events[told...].prefix { $0 < until }
      told += new.count
      result += aligner.push(
        Array(sound[start..<end]), seen: new.map { VisualEvent(time: $0, strength: 0.9) },
        until: until)
    }
    result += aligner.finish()
    return (result, aligner.summary)
  }

  private func onsets(_ sound: [Float]) -> [Double] {
    var detector = OnsetDetector(sampleRate: Self.rate)
    return (detector.push(sound) + detector.finish()).map(\.time)
  }

  private static let events = [0.8, 1.5, 2.3, 2.9, 4.0, 5.6, 6.2, 7.1]

  @Test func onsetsMoveToTheirEvents() {
    let offsets = [0.03, -0.04, 0.09, -0.08, 0.0, 0.12, -0.02, 0.05]
    let played = zip(Self.events, offsets).map(+)
    let input = sound(played, seconds: 9)
    let (result, summary) = aligned(input, Self.events)
    #expect(result.count == input.count)
    let found = onsets(result)
    #expect(found.count == Self.events.count)
    for (time, event) in zip(found, Self.events) {
      #expect(abs(time - event) < 0.005, "\(time) for \(event)")
    }
    #expect(summary.events == 8 && summary.matched == 8 && summary.moved == 7)
    #expect((summary.largestAfter ?? 1) < 0.005)
    // Attacks pass as they are.
    for (time, event) in zip(played, Self.events) {
      let (from, to) = (Int(time * 48_000), Int(event * 48_000))
      let window = -48..<1200
      let best = (-240...240).map { shift -> Float in
        window.map { abs(input[from + $0] - result[to + $0 + shift]) }.max() ?? 1
      }.min()
      #expect(best == 0)
    }
  }

  /// What is right already passes byte for byte.
  @Test func rightSoundIsLeftAlone() {
    let input = sound(Self.events.map { $0 + 0.006 }, seconds: 9)
    let (result, summary) = aligned(input, Self.events)
    #expect(result == input)
    #expect(summary.moved == 0 && summary.matched == 8)
    #expect(aligned(input, []).sound == input)
    // Too far away to be the same thing.
    #expect(aligned(input, Self.events.map { $0 + 0.35 }.filter { $0 < 3 }).sound == input)
  }

  @Test func piecesDoNotMatter() {
    let input = sound(Self.events.map { $0 + 0.04 * sin(9 * $0) }, seconds: 8)
    let whole = aligned(input, Self.events, piece: input.count).sound
    for piece in [480, 7001, 100_000] {
      #expect(aligned(input, Self.events, piece: piece).sound == whole)
    }
  }

  /// Dense strokes, events at random distances: no pair gets worse, whatever happens to its neighbours.
  @Test func noPairGetsWorse() {
    for seed in 0..<6 {
      var (events, played, time) = ([Double](), [Double](), 0.5)
      for index in 0..<40 {
        time += 0.09 + 0.25 * abs(sin(Double(index * 7 + seed)))
        events.append(time)
        played.append(time + 0.07 * sin(Double(index * 13 + 3 * seed)))
      }
      played.sort()
      let input = sound(played, seconds: time + 1)
      let (result, _) = aligned(input, events)
      #expect(result.count == input.count)
      let (before, after) = (onsets(input), onsets(result))
      func distance(_ event: Double, _ times: [Double]) -> Double {
        times.map { abs($0 - event) }.min() ?? 9
      }
      let worse = events.filter { distance($0, after) > distance($0, before) + 0.012 }
      // The nearest onset of an event need not be its partner.
      #expect(worse.count <= 3, "\(worse)")
      func mean(_ times: [Double]) -> Double {
        events.map { distance($0, times) }.reduce(0, +) / Double(events.count)
      }
      #expect(mean(after) < mean(before))
    }
  }

  /// Nothing is moved where there is no quiet place for it.
  @Test func steadySoundIsNotTorn() {
    var noise = WhiteNoise(seed: 4)
    var input = noise.samples(5 * Self.rate, level: 0.2)
    for index in 0..<4800 { input[2 * Self.rate + index] *= 3 }
    #expect(aligned(input, [2.06]).sound == input)
  }
}
