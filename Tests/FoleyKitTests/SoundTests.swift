import Foundation
import Motion
import Testing

@testable import FoleyKit

@Suite struct AmbienceTests {
  private func gains(_ stretches: [Bool]) -> [Float] {
    var ambience = Ambience()
    for quiet in stretches { ambience.add(samples: 6 * 48_000, quiet: quiet) }
    var samples = [Float](repeating: 1, count: stretches.count * 6 * 48_000)
    ambience.apply(to: &samples, at: 0)
    return samples
  }

  @Test func quietClipIsQuietFromTheStart() {
    #expect(gains([true, true]).allSatisfy { $0 <= 0.0101 })
  }

  @Test func activeClipIsUntouched() {
    #expect(gains([false, false]).allSatisfy { $0 == 1 })
  }

  @Test func sinksAndRisesWithinASecond() {
    let gains = gains([false, true, false])
    let hop = 6 * 48_000
    #expect(gains[hop - 1] == 1)
    #expect(gains[hop + 48_000] < 0.0101)
    #expect(gains[2 * hop] < 0.0101)
    #expect(gains[2 * hop + 48_000] == 1)
    #expect(zip(gains[hop..<hop + 48_000], gains[hop + 1..<hop + 48_001]).allSatisfy { $0 >= $1 })
  }

  @Test func doesNotDependOnThePieces() {
    var ambience = Ambience()
    for quiet in [true, false] { ambience.add(samples: 6 * 48_000, quiet: quiet) }
    var pieces: [Float] = []
    while pieces.count < 12 * 48_000 {
      var piece = [Float](repeating: 1, count: 48_000)
      ambience.apply(to: &piece, at: pieces.count)
      pieces += piece
    }
    #expect(pieces == gains([true, false]))
  }
}

@Suite struct SoundOutputTests {
  /// A decoder that holds back a second, like one with a halo.
  struct Held: SoundDecoder {
    var held: [Float] = []
    var value: Float = 0.25
    mutating func decode(_ latents: [Float], seen: [VisualEvent], until end: Double) -> [Float] {
      held += [Float](repeating: value, count: latents.count * Clock.samplesPerLatent)
      let ready = max(0, held.count - 48_000)
      defer { held.removeFirst(ready) }
      return Array(held.prefix(ready))
    }
    mutating func finish() -> [Float] {
      defer { held = [] }
      return held
    }
  }

  final class Collector: SoundSink {
    var samples: [Float] = []
    func start(expectedSamples: Int?) {}
    func write(_ samples: [Float]) { self.samples += samples }
  }

  @Test(arguments: [1, 959, 48_000, 300_001, 384_000]) func exactLength(samples: Int) throws {
    let collector = Collector()
    var output = SoundOutput(decoder: Held(), aligns: true, sink: collector)
    let latents = WindowPlan(samples: samples).latents
    try output.write(
      [Float](repeating: 0, count: latents), rows: latents, seen: [], until: .infinity,
      quiet: false, end: samples)
    #expect(collector.samples.count == samples)
    #expect(collector.samples.dropFirst(200).dropLast(200).allSatisfy { abs($0 - 0.25) < 1e-3 })
    #expect(collector.samples.first == 0 && collector.samples.last == 0, "no click at either end")
  }

  @Test(arguments: [Float.nan, .infinity]) func brokenNumbersAreAnError(value: Float) throws {
    var output = SoundOutput(decoder: Held(value: value), aligns: true, sink: Collector())
    #expect(throws: FoleyError.self) {
      try output.write(
        [Float](repeating: 0, count: 200), rows: 200, seen: [], until: .infinity,
        quiet: false, end: 100 * 960)
    }
  }
}
