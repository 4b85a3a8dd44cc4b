import Foundation
import Media
import TestSupport
import Testing

@testable import FoleyKit

/// Finished samples on their way into files; the program's tests judge them by the ffmpeg tool.
@Suite struct DeliveryTests {
  private static func store(_ sound: [Float], channels: Int = 1) throws -> SampleStore {
    let store = try SampleStore(
      for: FileManager.default.temporaryDirectory.appendingPathComponent("a.wav").path,
      channels: channels)
    try store.append(sound)
    return store
  }

  /// Bursts of noise, a number of them a second.
  private static func bursts(_ seed: UInt64, every seconds: Double, level: Float) -> [Float] {
    var noise = WhiteNoise(seed: seed)
    return (0..<96_000).map { index in
      let time = Double(index) / 48_000
      return level * noise.next() * Float(exp(-(time.truncatingRemainder(dividingBy: seconds)) * 8))
    }
  }

  private static func integers(_ url: URL) throws -> [Int] {
    let file = try SoundReader(path: url.path)
    return try file.read(frames: file.frames).map { Int(($0 * 8_388_608).rounded()) }
  }

  /// The parts' files add up to the whole's in whole numbers: exactly, at either depth, spread or not.
  @Test(arguments: [WaveEncoding.pcm16, .pcm24], [1, 2])
  func partsAddUp(encoding: WaveEncoding, channels: Int) throws {
    try withFolder { folder in
      let sounds = try [
        Self.store(Self.bursts(1, every: 0.5, level: 0.9)),
        Self.store(Self.bursts(2, every: 0.7, level: 0.8)),
        Self.store(Self.bursts(3, every: 2, level: 0.001)),
      ]
      for loudness in [nil, -20.0] {
        let settings = DeliverySettings(
          loudness: loudness, channels: channels, isWide: channels == 2)
        let delivery = SoundDelivery(sounds, settings)
        let urls = (0..<4).map { folder.appendingPathComponent("\($0).wav") }
        let files = try urls.map {
          try WaveWriter(path: $0.path, channels: channels, encoding: encoding)
        }
        let (gain, warning) = try delivery.gain()
        #expect(warning == nil)
        let report = try delivery.write(gain, to: files[0], parts: Array(files[1...]))
        for file in files { try file.finish() }
        let numbers = try urls.map(Self.integers)
        #expect(numbers[0].count == 96_000 * channels)
        for index in numbers[0].indices {
          guard numbers[0][index] != numbers[1][index] + numbers[2][index] + numbers[3][index]
          else { continue }
          Issue.record("sample \(index) of \(channels) channels")
          break
        }
        #expect(try #require(report.truePeak) <= -1)
        if let loudness {
          #expect(abs(try #require(report.loudness) - loudness) < 0.05)
        } else {
          #expect(report.limiterReduction == 0, "turned down instead")
        }
      }
    }
  }

  /// A sound of one channel that needs nothing is what the pipeline's own way into the file gives.
  @Test func nothingIsDoneWhereNothingNeedsTo() throws {
    try withFolder { folder in
      let sound = Self.bursts(4, every: 0.5, level: 0.5)
      let urls = ["plain.wav", "delivered.wav"].map { folder.appendingPathComponent($0) }
      let plain = try WaveWriter(path: urls[0].path)
      try plain.write(sound)
      try plain.finish()
      let file = try WaveWriter(path: urls[1].path)
      let delivery = SoundDelivery([try Self.store(sound)], DeliverySettings())
      _ = try delivery.write(delivery.gain().gain, to: file)
      try file.finish()
      #expect(try Data(contentsOf: urls[0]) == Data(contentsOf: urls[1]))
    }
  }

  /// Where the clip's own sound is ducked, it is lower by the depth under the new one, and as it was elsewhere.
  @Test func theClipsOwnSoundIsMixedAndDucked() throws {
    try withFolder { folder in
      var new = [Float](repeating: 0, count: 192_000)
      var noise = WhiteNoise(seed: 6)
      for index in 90_000..<110_000 { new[index] = 0.2 * noise.next() }
      // 1 kHz on the left, 2 kHz on the right.
      let own = (0..<192_000).flatMap { index -> [Float] in
        [1000.0, 2000].map {
          0.1 * Float(sin(2 * Double.pi * $0 * Double(index) / 48_000))
        }
      }
      func deliver(_ mixing: DeliverySettings.Mixing) throws -> [Float] {
        let url = folder.appendingPathComponent("a.wav")
        let file = try WaveWriter(path: url.path, channels: 2, encoding: .float32)
        let delivery = SoundDelivery(
          [try Self.store(new)], original: try Self.store(own, channels: 2),
          DeliverySettings(channels: 2, originalGain: -6, mixing: mixing))
        _ = try delivery.write(delivery.gain().gain, to: file)
        try file.finish()
        let reader = try SoundReader(path: url.path)
        return try reader.read(frames: reader.frames)
      }
      let gain = pow(10, -6 / 20) as Float
      let mixed = try deliver(.mixed)
      for index in own.indices {
        guard abs(mixed[index] - own[index] * gain - new[index / 2]) > 1e-6 else { continue }
        Issue.record("sample \(index) is not the sum")
        break
      }
      let ducked = try deliver(.ducked(depth: 12))
      func level(_ sound: [Float], _ frames: Range<Int>) -> Float {
        let rest = frames.flatMap { [sound[2 * $0] - new[$0], sound[2 * $0 + 1] - new[$0]] }
        return 10 * log10(rest.reduce(0) { $0 + $1 * $1 } / Float(rest.count))
      }
      let (before, under, after) = (10_000..<40_000, 91_000..<109_000, 150_000..<190_000)
      #expect(abs(level(ducked, before) - level(mixed, before)) < 0.01)
      #expect(abs(level(ducked, under) - level(mixed, under) + 12) < 0.1)
      #expect(abs(level(ducked, after) - level(mixed, after)) < 0.01)
    }
  }
}
