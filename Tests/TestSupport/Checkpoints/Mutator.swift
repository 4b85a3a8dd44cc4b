/// Damages files, the same way for the same seed.
public struct Mutator {
  private var random: SplitMix64

  public init(seed: UInt64) { random = SplitMix64(state: seed) }

  /// One to three injuries to `bytes`; parts of `donor` may be put in.
  public mutating func mutate(_ bytes: [UInt8], donor: [UInt8]) -> [UInt8] {
    var result = bytes
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      guard !result.isEmpty else { break }
      injure(&result, donor)
    }
    return result
  }

  /// A number in `range`.
  public mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }

  private mutating func injure(_ bytes: inout [UInt8], _ donor: [UInt8]) {
    let place = number(0..<bytes.count)
    let length = number(0..<min(64, bytes.count - place) + 1)
    // Mostly the small ones, after which there is something left to be read.
    switch [0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7][number(0..<14)] {
    case 0: bytes[place] ^= 1 << UInt8(number(0..<8))
    case 1: bytes[place] = UInt8(number(0..<256))
    case 2:
      // A number at the edge of its type.
      let edges: [Int] = [0, 1, -1, .max, .min, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF, 0x10000]
      var number: [UInt8] = []
      number.add(edges[self.number(0..<edges.count)], UInt64.self)
      for (index, byte) in number.prefix([1, 2, 4, 8][self.number(0..<4)]).enumerated()
      where place + index < bytes.count { bytes[place + index] = byte }
    case 3: bytes.removeSubrange(place...)
    case 4: bytes.removeSubrange(place..<place + length)
    case 5: bytes.insert(contentsOf: bytes[place..<place + length], at: number(0..<bytes.count))
    case 6:
      // Swap two runs of the same length.
      let other = number(0..<bytes.count - length + 1)
      for index in 0..<length where place + index != other + index {
        bytes.swapAt(place + index, other + index)
      }
    default:
      let start = number(0..<donor.count)
      bytes.replaceSubrange(place..., with: donor[start...])
    }
  }
}

/// Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
private struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
