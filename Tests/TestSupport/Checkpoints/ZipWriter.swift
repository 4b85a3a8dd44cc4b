import CZlib

/// Writes zip files in memory, as well-behaved or as odd as a test wants them.
public struct ZipWriter {
  /// Sizes and places in 64 bits throughout, as in files beyond 4 GiB.
  public var is64Bit = false
  /// Stored contents begin at multiples of this, as PyTorch has it.
  public var alignment = 64

  private var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var count = 0

  public init() {}

  /// - Parameters:
  ///   - deflated: compressed by zlib.
  ///   - declaredSize: what the headers say of the contents' size; nil: the truth.
  public mutating func add(
    _ name: String, _ contents: [UInt8], deflated: Bool = false, declaredSize: Int? = nil
  ) {
    let stored = deflated ? ZipWriter.deflate(contents) : contents
    let size = declaredSize ?? contents.count
    let checksum = UInt32(crc32_z(0, contents, contents.count))
    let start = bytes.count
    // Padding, as an extra field of a kind nobody knows.
    let unpadded = start + 30 + name.utf8.count + 4
    let padding = (alignment - unpadded % alignment) % alignment

    func common(_ header: inout [UInt8]) {
      header.add(is64Bit ? 45 : 20, UInt16.self)
      header.add(0x0800, UInt16.self)  // names are UTF-8
      header.add(deflated ? 8 : 0, UInt16.self)
      header.add(0, UInt32.self)  // time and date
      header.add(Int(checksum), UInt32.self)
      header.add(is64Bit ? 0xFFFF_FFFF : stored.count, UInt32.self)
      header.add(is64Bit ? 0xFFFF_FFFF : size, UInt32.self)
      header.add(name.utf8.count, UInt16.self)
    }
    bytes.add(0x0403_4B50, UInt32.self)
    common(&bytes)
    bytes.add(4 + padding, UInt16.self)
    bytes += Array(name.utf8)
    bytes.add(0x4246, UInt16.self)
    bytes.add(padding, UInt16.self)
    bytes += [UInt8](repeating: 0x5A, count: padding)
    bytes += stored

    directory.add(0x0201_4B50, UInt32.self)
    directory.add(0, UInt16.self)
    common(&directory)
    directory.add(is64Bit ? 28 : 0, UInt16.self)
    for _ in 0..<2 { directory.add(0, UInt16.self) }  // comment, disk
    directory.add(0, UInt16.self)
    directory.add(0, UInt32.self)
    directory.add(is64Bit ? 0xFFFF_FFFF : start, UInt32.self)
    directory += Array(name.utf8)
    if is64Bit {
      directory.add(1, UInt16.self)
      directory.add(24, UInt16.self)
      for value in [size, stored.count, start] { directory.add(value, UInt64.self) }
    }
    count += 1
  }

  /// The whole file.
  public func finished(comment: String = "") -> [UInt8] {
    var result = bytes + directory
    let start = bytes.count
    if is64Bit {
      let end = result.count
      result.add(0x0606_4B50, UInt32.self)
      result.add(44, UInt64.self)
      for _ in 0..<2 { result.add(45, UInt16.self) }
      for _ in 0..<2 { result.add(0, UInt32.self) }
      for value in [count, count, directory.count, start] { result.add(value, UInt64.self) }
      result.add(0x0706_4B50, UInt32.self)
      result.add(0, UInt32.self)
      result.add(end, UInt64.self)
      result.add(1, UInt32.self)
    }
    result.add(0x0605_4B50, UInt32.self)
    for _ in 0..<2 { result.add(0, UInt16.self) }
    for _ in 0..<2 { result.add(is64Bit ? 0xFFFF : count, UInt16.self) }
    result.add(is64Bit ? 0xFFFF_FFFF : directory.count, UInt32.self)
    result.add(is64Bit ? 0xFFFF_FFFF : start, UInt32.self)
    result.add(comment.utf8.count, UInt16.self)
    return result + Array(comment.utf8)
  }

  private static func deflate(_ contents: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    let status = deflateInit2_(
      &stream, Z_BEST_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      CInt(MemoryLayout<z_stream>.size))
    precondition(status == Z_OK, "zlib cannot be used: error \(status)")
    defer { deflateEnd(&stream) }
    var source = contents
    return [UInt8](unsafeUninitializedCapacity: Int(deflateBound(&stream, uLong(contents.count)))) {
      target, count in
      source.withUnsafeMutableBufferPointer { source in
        stream.next_in = source.baseAddress
        stream.avail_in = CUnsignedInt(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = CUnsignedInt(target.count)
        precondition(CZlib.deflate(&stream, Z_FINISH) == Z_STREAM_END)
      }
      count = target.count - Int(stream.avail_out)
    }
  }
}

extension [UInt8] {
  /// Appends a number in little-endian order.
  public mutating func add<Number: FixedWidthInteger>(_ value: Int, _ type: Number.Type) {
    Swift.withUnsafeBytes(of: Number(truncatingIfNeeded: value).littleEndian) { self += $0 }
  }
}
