import Foundation
import TestSupport
import Testing

@testable import Signal

@Suite struct BandLevelsTests {
  private func sine(_ frequency: Double, rate: Int, seconds: Double, level: Float = 1) -> [Float] {
    (0..<Int(seconds * Double(rate))).map {
      level * Float(sin(2 * Double.pi * frequency * Double($0) / Double(rate)))
    }
  }

  @Test func piecesMakeNoDifference() {
    var noise = WhiteNoise(seed: 4)
    let sound = noise.samples(48_017, level: 0.3)
    var whole = BandLevels(sampleRate: 48_000)
    let expected = whole.push(sound) + whole.finish()
    #expect(expected.count == 101, "a frame for every 480 samples that have begun")
    for size in [1, 479, 5000] {
      var bands = BandLevels(sampleRate: 48_000)
      var levels: [[Float]] = []
      for start in stride(from: 0, to: sound.count, by: size) {
        levels += bands.push(Array(sound[start..<min(sound.count, start + size)]))
      }
      #expect(levels + bands.finish() == expected)
    }
  }

  /// A tone has the same level at every rate, within the spread of its place between the bands.
  @Test(arguments: [8000, 32_000, 44_100, 48_000, 96_000, 192_000]) func tones(rate: Int) throws {
    for level: Float in [1, 0.01] {
      var bands = BandLevels(sampleRate: rate)
      let frames = bands.push(sine(1000, rate: rate, seconds: 1, level: level)) + bands.finish()
      #expect(frames.count == 100)
      let loudest = try #require(frames[50].max())
      #expect((-2...7).contains(loudest - 20 * log10(level)), "\(loudest) dB")
    }
  }

  @Test func silenceIsAtTheFloor() {
    var bands = BandLevels(sampleRate: 48_000)
    let levels = bands.push([Float](repeating: 0, count: 4800)) + bands.finish()
    #expect(levels.count == 10 && levels.allSatisfy { $0.allSatisfy { $0 == BandLevels.floor } })
  }
}
