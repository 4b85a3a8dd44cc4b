import Foundation

/// Finds pictures in an MPEG transport stream.
enum TransportStream {
  /// The byte at which the packet with the start of the n-th picture (in stored order) begins.
  static func offset(ofPicture n: Int, in bytes: Data) -> Int? {
    var pictures = 0
    for packet in stride(from: 0, to: bytes.count - 187, by: 188) {
      let identifier = Int(bytes[packet + 1] & 0x1F) << 8 | Int(bytes[packet + 2])
      let starts = bytes[packet + 1] & 0x40 != 0
      if identifier == 0x100, starts {
        if pictures == n { return packet }
        pictures += 1
      }
    }
    return nil
  }
}

/// SplitMix64: the same numbers on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
