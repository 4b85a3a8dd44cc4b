import Foundation
import TestSupport
import Testing

@testable import Signal

@Suite struct OnsetDetectorTests {
  /// Noise bursts, thuds and rings at known times over faint noise.
  static func strokes(_ times: [Double], seconds: Double) -> [Float] {
    var noise = WhiteNoise(seed: 5)
    var sound = noise.samples(Int(seconds * 48_000), level: 0.001)
    for (index, time) in times.enumerated() {
      let start = Int(time * 48_000)
      for offset in 0..<7200 where start + offset < sound.count {
        let t = Float(offset) / 48_000
        let body =
          switch index % 3 {
          case 0: noise.next()
          case 1: sin(2 * Float.pi * 160 * t)
          default: sin(2 * Float.pi * 2100 * t)
          }
        sound[start + offset] += 0.4 * body * exp(-t / 0.03)
      }
    }
    return sound
  }

  private func onsets(_ sound: [Float], piece: Int) -> [Onset] {
    var detector = OnsetDetector()
    var found: [Onset] = []
    for start in stride(from: 0, to: sound.count, by: piece) {
      found += detector.push(sound[start..<min(sound.count, start + piece)])
    }
    return found + detector.finish()
  }

  @Test func strokesAreFoundWithinMilliseconds() {
    let times = (0..<20).map { 0.5 + 0.37 * Double($0) + 0.05 * sin(Double($0)) }
    let found = onsets(Self.strokes(times, seconds: 9), piece: 4096)
    #expect(found.count == times.count)
    for (onset, time) in zip(found, times) {
      #expect(abs(onset.time - time) < 0.004, "\(onset.time) for \(time)")
    }
  }

  @Test func piecesDoNotMatter() {
    let sound = Self.strokes([0.0, 0.3, 0.9, 1.0, 1.7, 2.49], seconds: 2.5)
    let whole = onsets(sound, piece: sound.count)
    #expect(whole.count >= 4)
    for piece in [1, 47, 240, 5000] { #expect(onsets(sound, piece: piece) == whole) }
  }

  @Test func steadySoundHasNoOnsets() {
    #expect(onsets([Float](repeating: 0, count: 96_000), piece: 1000) == [])
    #expect(onsets([], piece: 1) == [])
    var noise = WhiteNoise(seed: 9)
    // The noise itself begins.
    #expect(onsets(noise.samples(192_000, level: 0.1), piece: 4096).count <= 1)
  }

  /// Told no later than it promises.
  @Test func theDelayHolds() {
    let sound = Self.strokes([1.0], seconds: 3)
    var detector = OnsetDetector()
    var told: Double?
    for start in stride(from: 0, to: sound.count, by: 480) {
      if !detector.push(sound[start..<start + 480]).isEmpty, told == nil {
        told = Double(start + 480) / 48_000
      }
    }
    #expect((told ?? 9) <= 1.0 + OnsetDetector.delay)
  }
}
