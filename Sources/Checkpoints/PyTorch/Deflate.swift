import CZlib

/// Decompression and checksums, by zlib.
enum Deflate {
  /// Inflates a raw deflate stream that must fill `target` exactly; never writes more.
  static func inflate(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, record: String
  ) throws(Malformation) {
    var stream = z_stream()
    // Negative: no zlib header. 15: the largest window.
    let initialised = inflateInit2_(
      &stream, -15, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
    precondition(initialised == Z_OK, "zlib cannot be used: error \(initialised)")
    defer { inflateEnd(&stream) }

    // zlib counts in 32 bits. A byte of its own keeps it from an address that is nil.
    var (read, written) = (0, 0)
    var spare: UInt8 = 0
    let status = withUnsafeMutablePointer(to: &spare) { spare in
      while true {
        let input = min(source.count - read, 1 << 30)
        let output = min(target.count - written, 1 << 30)
        stream.next_in = source.baseAddress.map {
          UnsafeMutablePointer(mutating: ($0 + read).assumingMemoryBound(to: UInt8.self))
        }
        stream.avail_in = CUnsignedInt(input)
        // With the target full, one more byte shows whether the stream has ended.
        stream.next_out =
          output > 0
          ? (target.baseAddress! + written).assumingMemoryBound(to: UInt8.self) : spare
        stream.avail_out = CUnsignedInt(max(1, output))
        let status = CZlib.inflate(&stream, Z_NO_FLUSH)
        read += input - Int(stream.avail_in)
        let made = max(1, output) - Int(stream.avail_out)
        guard made <= output else { return Z_BUF_ERROR }
        written += made
        guard status == Z_OK else { return status }
      }
    }
    guard status == Z_STREAM_END, written == target.count else {
      throw Malformation(
        "record \(record.quoted) is damaged: it does not inflate to \(target.count) bytes")
    }
  }

  /// CRC-32 as zip files have it.
  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    UInt32(crc32_z(0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
  }
}
