/// Reads little-endian numbers and runs of bytes from the front of a buffer and never beyond its end.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  private(set) var position: Int

  init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) {
    precondition(position >= 0 && position <= bytes.count)
    self.bytes = bytes
    self.position = position
  }

  var remaining: Int { bytes.count - position }

  /// The next number; nil where the bytes end before it does.
  mutating func integer<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
    guard let range = take(MemoryLayout<Number>.size) else { return nil }
    return Number(
      littleEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: type))
  }

  /// Where the next `count` bytes lie, which are skipped; nil where there are not as many.
  mutating func take(_ count: Int) -> Range<Int>? {
    guard count >= 0, count <= remaining else { return nil }
    defer { position += count }
    return position..<position + count
  }
}
