import Foundation

/// The hash SHA-256 (FIPS 180-4), to recognise model files. A library for it would take longer to build
/// than the rest of this package.
struct SHA256 {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
    0x5be0_cd19,
  ]
  private var schedule = [UInt32](repeating: 0, count: 64)

  /// The hash of a file in lower-case hexadecimal, read a piece at a time.
  static func hash(ofFile path: String) throws -> String {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    defer { try? file.close() }  // Opened for reading: closing it cannot lose anything.
    var hash = SHA256()
    var length = 0
    while true {
      let piece = try file.read(upToCount: 1 << 20) ?? Data()
      length += piece.count
      // Every piece but the last is a whole number of blocks.
      if piece.count == 1 << 20 {
        hash.absorb([UInt8](piece))
      } else {
        return hash.finish([UInt8](piece), length: length)
      }
    }
  }

  static func hash(_ bytes: [UInt8]) -> String {
    var hash = SHA256()
    return hash.finish(bytes, length: bytes.count)
  }

  /// The rest of the message, with its end mark and the length of the whole in bits.
  private mutating func finish(_ rest: [UInt8], length: Int) -> String {
    var tail = rest + [0x80]
    while tail.count % 64 != 56 { tail.append(0) }
    for shift in stride(from: 56, through: 0, by: -8) {
      tail.append(UInt8(truncatingIfNeeded: (length * 8) >> shift))
    }
    absorb(tail)
    return state.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  private mutating func absorb(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { bytes in
      for block in stride(from: 0, to: bytes.count, by: 64) {
        absorb(block: UnsafeRawBufferPointer(rebasing: bytes[block..<block + 64]))
      }
    }
  }

  private mutating func absorb(block: UnsafeRawBufferPointer) {
    for i in 0..<16 {
      schedule[i] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self))
    }
    for i in 16..<64 {
      let (x, y) = (schedule[i - 15], schedule[i - 2])
      let first = rotate(x, 7) ^ rotate(x, 18) ^ (x >> 3)
      let second = rotate(y, 17) ^ rotate(y, 19) ^ (y >> 10)
      schedule[i] = schedule[i - 16] &+ first &+ schedule[i - 7] &+ second
    }
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
    for i in 0..<64 {
      let choice = (e & f) ^ (~e & g)
      let majority = (a & b) ^ (a & c) ^ (b & c)
      let sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      let sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      let t = h &+ sum1 &+ choice &+ SHA256.constants[i] &+ schedule[i]
      (h, g, f, e) = (g, f, e, d &+ t)
      (d, c, b, a) = (c, b, a, t &+ sum0 &+ majority)
    }
    for (i, word) in [a, b, c, d, e, f, g, h].enumerated() { state[i] &+= word }
  }

  @inline(__always)
  private func rotate(_ x: UInt32, _ count: UInt32) -> UInt32 { (x >> count) | (x << (32 - count)) }

  /// Fractional parts of the cube roots of the first 64 primes.
  private static let constants: [UInt32] = {
    var primes: [Int] = []
    var candidate = 2
    while primes.count < 64 {
      if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
      candidate += 1
    }
    return primes.map { prime in
      // floor(2^32 · cbrt(prime)) in whole numbers: Foundation's cbrt has too few digits to rely on.
      var low = UInt64(cbrt(Double(prime)) * 0x1p32) - 2
      while cubeIsAtMost(low + 1, prime) { low += 1 }
      return UInt32(truncatingIfNeeded: low)
    }
  }()

  /// x³ <= prime · 2⁹⁶
  private static func cubeIsAtMost(_ x: UInt64, _ prime: Int) -> Bool {
    let wide = UInt128(x)
    return wide * wide * wide <= UInt128(prime) << 96
  }
}
