import Foundation

/// The counter-based generator Philox 4x32-10: four random words as a pure function of a counter and a
/// key, so that any number of a sequence can be had without the ones before it.
///
/// Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
public enum Philox {
  /// Ten rounds over a 128-bit counter with a 64-bit key.
  public static func words(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var c = counter
    var k = key
    for round in 0..<10 {
      if round > 0 { k &+= SIMD2(0x9E37_79B9, 0xBB67_AE85) }
      let (high0, low0) = product(0xD251_1F53, c.x)
      let (high1, low1) = product(0xCD9E_8D57, c.z)
      c = SIMD4(high1 ^ c.y ^ k.x, low1, high0 ^ c.w ^ k.y, low0)
    }
    return c
  }

  private static func product(_ a: UInt32, _ b: UInt32) -> (UInt32, UInt32) {
    let wide = UInt64(a) &* UInt64(b)
    return (UInt32(truncatingIfNeeded: wide >> 32), UInt32(truncatingIfNeeded: wide))
  }
}

/// Standard normal noise addressed by place: a pure function of (seed, index, channel).
///
/// Overlapping windows, resumed runs, shards and any number of threads therefore see the same noise.
/// Channels are drawn in fours: one Philox block with counter (index low, index high, channel / 4, 0)
/// gives two Box-Muller pairs.
public struct GaussianNoise: Sendable {
  public let seed: UInt64

  public init(seed: UInt64) { self.seed = seed }

  /// Noise of rows `indices` and channels 0 ..< `channels`, row-major.
  public func rows(_ indices: Range<Int>, channels: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: indices.count * channels) { values, count in
      var position = 0
      for index in indices {
        for block in 0..<(channels + 3) / 4 {
          let four = four(index: index, block: block)
          for lane in 0..<min(4, channels - block * 4) {
            values[position] = four[lane]
            position += 1
          }
        }
      }
      count = position
    }
  }

  /// One value.
  public func value(index: Int, channel: Int) -> Float {
    four(index: index, block: channel / 4)[channel % 4]
  }

  private func four(index: Int, block: Int) -> SIMD4<Float> {
    let place = UInt64(bitPattern: Int64(index))
    let words = Philox.words(
      counter: SIMD4(
        UInt32(truncatingIfNeeded: place), UInt32(truncatingIfNeeded: place >> 32), UInt32(block), 0
      ),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
    let first = GaussianNoise.pair(words.x, words.y)
    let second = GaussianNoise.pair(words.z, words.w)
    return SIMD4(first.0, first.1, second.0, second.1)
  }

  /// Box-Muller in double precision, so that the result does not hang on a platform's sinf.
  private static func pair(_ a: UInt32, _ b: UInt32) -> (Float, Float) {
    let radius = (-2 * log((Double(a) + 0.5) * 0x1p-32)).squareRoot()
    let angle = 2 * Double.pi * (Double(b) + 0.5) * 0x1p-32
    return (Float(radius * cos(angle)), Float(radius * sin(angle)))
  }
}
