import CZlib
import Foundation

/// One record of a journal on the disk: its length, its checksum, its bytes. A record whose end a killed run did
/// not come to write is told by either.
enum JournalRecord {
  /// Length and CRC-32, 4 bytes each, little-endian.
  static let headerLength = 8
  /// Longer ones come from damage: a window of the largest model has 205 KB.
  private static let maximumLength = 64 << 20

  static func framed(_ payload: Data) -> Data {
    precondition(payload.count <= maximumLength)
    var data = Data(capacity: headerLength + payload.count)
    withUnsafeBytes(of: UInt32(payload.count).littleEndian) { data.append(contentsOf: $0) }
    withUnsafeBytes(of: checksum(payload).littleEndian) { data.append(contentsOf: $0) }
    return data + payload
  }

  /// The record at the place where the file stands; nil where none, or none whole, follows.
  static func next(in file: FileHandle) throws -> Data? {
    guard let header = try file.read(upToCount: headerLength), header.count == headerLength else {
      return nil
    }
    let words = header.withUnsafeBytes { bytes in
      [0, 4].map { UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)) }
    }
    guard words[0] <= maximumLength else { return nil }
    guard words[0] > 0 else { return words[1] == checksum(Data()) ? Data() : nil }
    guard let payload = try file.read(upToCount: Int(words[0])), payload.count == Int(words[0]),
      checksum(payload) == words[1]
    else { return nil }
    return payload
  }

  private static func checksum(_ payload: Data) -> UInt32 {
    payload.withUnsafeBytes { bytes in
      UInt32(
        crc32_z(0, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
    }
  }
}

/// The latents of one window as a journal keeps them.
struct JournalWindow: Equatable {
  let index: Int
  /// Its first latent, on the clip's own axis.
  let start: Int
  let channels: Int
  /// [rows, channels], row-major; all of the window, its overlap with the next included.
  let latents: [Float]

  init(index: Int, start: Int, channels: Int, latents: [Float]) {
    precondition(channels > 0 && latents.count % channels == 0)
    (self.index, self.start) = (index, start)
    (self.channels, self.latents) = (channels, latents)
  }

  /// The place of its latents.
  var range: Range<Int> { start..<start + latents.count / channels }

  /// Nil where the bytes are none.
  init?(_ payload: Data) {
    guard payload.count >= 12, payload.count % 4 == 0 else { return nil }
    let words = payload.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4).map {
        UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self))
      }
    }
    (index, start, channels) = (Int(words[0]), Int(words[1]), Int(words[2]))
    latents = words[3...].map(Float.init(bitPattern:))
    guard channels > 0, latents.count % channels == 0 else { return nil }
  }

  var payload: Data {
    var data = Data(capacity: 12 + 4 * latents.count)
    for word in [UInt32(index), UInt32(start), UInt32(channels)] + latents.map(\.bitPattern) {
      withUnsafeBytes(of: word.littleEndian) { data.append(contentsOf: $0) }
    }
    return data
  }
}
