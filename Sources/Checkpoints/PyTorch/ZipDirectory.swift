/// One file inside a zip file.
struct ZipRecord: Sendable {
  enum Method: Sendable { case stored, deflated }

  let name: String
  let method: Method
  /// Where its bytes, compressed or not, lie in the zip file.
  let range: Range<Int>
  /// Bytes of its contents.
  let size: Int
  /// CRC-32 of its contents.
  let checksum: UInt32
}

/// The central directory of a zip file (PKWARE's APPNOTE 6.3), with 64-bit sizes, checked in full: every
/// record inside the file, every name once. Names are only ever compared; nothing is written anywhere.
struct ZipDirectory: Sendable {
  let records: [String: ZipRecord]

  /// Far more than any checkpoint has, few enough to keep the table small.
  private static let maximumRecords = 1 << 18
  /// No deflated stream can be longer than this many times its compressed length.
  private static let maximumRatio = 1032

  private enum Signature {
    static let localHeader: UInt32 = 0x0403_4B50
    static let centralHeader: UInt32 = 0x0201_4B50
    static let end: UInt32 = 0x0605_4B50
    static let end64: UInt32 = 0x0606_4B50
    static let end64Locator: UInt32 = 0x0706_4B50
  }

  init(_ bytes: UnsafeRawBufferPointer) throws(Malformation) {
    let (range, count) = try ZipDirectory.locate(bytes)
    guard count <= ZipDirectory.maximumRecords else {
      throw Malformation("the zip directory names \(count) records")
    }
    var reader = ByteReader(
      UnsafeRawBufferPointer(rebasing: bytes[..<range.upperBound]), at: range.lowerBound)
    var records: [String: ZipRecord] = [:]
    for _ in 0..<count {
      let record = try ZipDirectory.entry(&reader, directoryStart: range.lowerBound)
      guard records.updateValue(record, forKey: record.name) == nil else {
        throw Malformation("the zip directory names \(record.name.quoted) twice")
      }
    }
    guard reader.remaining == 0 else {
      throw Malformation("the zip directory is longer than its \(count) records")
    }
    self.records = records
  }

  // MARK: Where the directory is

  private static func locate(
    _ bytes: UnsafeRawBufferPointer
  ) throws(Malformation) -> (range: Range<Int>, count: Int) {
    let length = 22
    // The end record is followed by a comment of at most 65535 bytes and nothing else.
    var start = bytes.count - length
    let lowest = max(0, start - 0xFFFF)
    while start >= lowest {
      let comment = bytes.loadUnaligned(fromByteOffset: start + 20, as: UInt16.self)
      if UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self))
        == Signature.end, start + length + Int(UInt16(littleEndian: comment)) == bytes.count
      {
        return try end(bytes, at: start)
      }
      start -= 1
    }
    throw Malformation(
      "the zip directory at the file's end is missing: the file is cut off; download it again")
  }

  private static func end(
    _ bytes: UnsafeRawBufferPointer, at start: Int
  ) throws(Malformation) -> (range: Range<Int>, count: Int) {
    var reader = ByteReader(bytes, at: start + 4)
    guard let disk = reader.integer(UInt16.self), let directoryDisk = reader.integer(UInt16.self),
      let countHere = reader.integer(UInt16.self), let count = reader.integer(UInt16.self),
      let size = reader.integer(UInt32.self), let offset = reader.integer(UInt32.self)
    else { throw Malformation("the zip directory's end is cut off") }
    if let end64 = try end64(bytes, locatorEnd: start) { return end64 }
    guard disk == 0, directoryDisk == 0, countHere == count else {
      throw Malformation("the zip file is one part of several")
    }
    return (try range(UInt64(offset), UInt64(size), before: start), Int(count))
  }

  /// The 64-bit end record, where there is one.
  private static func end64(
    _ bytes: UnsafeRawBufferPointer, locatorEnd: Int
  ) throws(Malformation) -> (range: Range<Int>, count: Int)? {
    let locatorLength = 20
    guard locatorEnd >= locatorLength else { return nil }
    var locator = ByteReader(bytes, at: locatorEnd - locatorLength)
    guard locator.integer(UInt32.self) == Signature.end64Locator else { return nil }
    guard locator.integer(UInt32.self) == 0, let place = locator.integer(UInt64.self),
      locator.integer(UInt32.self) == 1
    else { throw Malformation("the zip file is one part of several") }
    guard let start = Int(exactly: place), start <= locatorEnd - locatorLength else {
      throw Malformation("the zip directory's 64-bit end lies at byte \(place), beyond the file")
    }
    var reader = ByteReader(
      UnsafeRawBufferPointer(rebasing: bytes[..<(locatorEnd - locatorLength)]), at: start)
    guard reader.integer(UInt32.self) == Signature.end64,
      reader.take(8 + 2 + 2) != nil,  // its length, and versions
      reader.integer(UInt32.self) == 0, reader.integer(UInt32.self) == 0,
      let countHere = reader.integer(UInt64.self), let count = reader.integer(UInt64.self),
      let size = reader.integer(UInt64.self), let offset = reader.integer(UInt64.self),
      countHere == count
    else { throw Malformation("the zip directory's 64-bit end is damaged") }
    guard count <= UInt64(maximumRecords) else {
      throw Malformation("the zip directory names \(count) records")
    }
    return (try range(offset, size, before: start), Int(count))
  }

  private static func range(
    _ offset: UInt64, _ size: UInt64, before limit: Int
  ) throws(Malformation) -> Range<Int> {
    let (end, overflow) = offset.addingReportingOverflow(size)
    guard !overflow, end <= UInt64(limit) else {
      throw Malformation(
        "the zip directory would be \(size) bytes at byte \(offset), beyond the file "
          + "(cut off? download it again)")
    }
    return Int(offset)..<Int(end)
  }

  // MARK: One record

  private static func entry(
    _ reader: inout ByteReader, directoryStart: Int
  ) throws(Malformation) -> ZipRecord {
    guard reader.integer(UInt32.self) == Signature.centralHeader,
      reader.take(2 + 2) != nil,  // versions
      let flags = reader.integer(UInt16.self), let method = reader.integer(UInt16.self),
      reader.take(2 + 2) != nil,  // time and date
      let checksum = reader.integer(UInt32.self),
      let storedSize32 = reader.integer(UInt32.self), let size32 = reader.integer(UInt32.self),
      let nameLength = reader.integer(UInt16.self), let extraLength = reader.integer(UInt16.self),
      let commentLength = reader.integer(UInt16.self),
      reader.take(2 + 2 + 4) != nil,  // disk and attributes
      let offset32 = reader.integer(UInt32.self),
      let nameRange = reader.take(Int(nameLength)), let extra = reader.take(Int(extraLength)),
      reader.take(Int(commentLength)) != nil
    else { throw Malformation("the zip directory is damaged") }
    let nameBytes = UnsafeRawBufferPointer(rebasing: reader.bytes[nameRange])
    guard let name = String(validating: nameBytes, as: UTF8.self) else {
      throw Malformation("the zip directory holds a name that is not UTF-8")
    }
    guard flags & 0b10_0000_0100_0001 == 0 else {
      throw Malformation("record \(name.quoted) is encrypted")
    }

    // What does not fit 32 bits stands in the 64-bit extra field, in this order.
    var wide = wideSizes(UnsafeRawBufferPointer(rebasing: reader.bytes[extra]))
    func full(_ narrow: UInt32) throws(Malformation) -> Int {
      guard narrow == .max, wide != nil else { return Int(narrow) }
      guard let value = wide?.integer(UInt64.self), let result = Int(exactly: value) else {
        throw Malformation("record \(name.quoted) has a damaged 64-bit size")
      }
      return result
    }
    let size = try full(size32)
    let storedSize = try full(storedSize32)
    let offset = try full(offset32)

    let record = ZipRecord(
      name: name, method: try kind(method, of: name),
      range: try contents(
        reader.bytes, header: offset, length: storedSize, before: directoryStart,
        name: name, nameBytes: nameBytes),
      size: size, checksum: checksum)
    switch record.method {
    case .stored where size != storedSize:
      throw Malformation(
        "record \(name.quoted) is stored in \(storedSize) bytes, but should have \(size)")
    case .deflated where size / maximumRatio > storedSize:
      throw Malformation(
        "record \(name.quoted) cannot hold \(size) bytes in \(storedSize) compressed ones")
    default: return record
    }
  }

  private static func kind(
    _ method: UInt16, of name: String
  ) throws(Malformation) -> ZipRecord.Method {
    switch method {
    case 0: .stored
    case 8: .deflated
    default:
      throw Malformation("record \(name.quoted) is compressed by the unsupported method \(method)")
    }
  }

  /// The values of the 64-bit extra field (0x0001), where there is one.
  private static func wideSizes(_ extra: UnsafeRawBufferPointer) -> ByteReader? {
    var reader = ByteReader(extra)
    while let identifier = reader.integer(UInt16.self), let length = reader.integer(UInt16.self),
      let field = reader.take(Int(length))
    {
      if identifier == 1 {
        return ByteReader(UnsafeRawBufferPointer(rebasing: extra[field]))
      }
    }
    return nil
  }

  /// Where a record's bytes lie: after its local header, which repeats its name and has padding of
  /// its own.
  private static func contents(
    _ bytes: UnsafeRawBufferPointer, header: Int, length: Int, before limit: Int, name: String,
    nameBytes: UnsafeRawBufferPointer
  ) throws(Malformation) -> Range<Int> {
    guard header <= limit else {
      throw Malformation("record \(name.quoted) lies at byte \(header), beyond the file")
    }
    var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[..<limit]), at: header)
    guard reader.integer(UInt32.self) == Signature.localHeader, reader.take(22) != nil,
      let nameLength = reader.integer(UInt16.self), let extraLength = reader.integer(UInt16.self),
      let localName = reader.take(Int(nameLength)), reader.take(Int(extraLength)) != nil,
      bytes[localName].elementsEqual(nameBytes)
    else { throw Malformation("record \(name.quoted) is not where the zip directory says") }
    guard let range = reader.take(length) else {
      throw Malformation(
        "record \(name.quoted) would be \(length) bytes long, \(reader.remaining) are left "
          + "(cut off? download the file again)")
    }
    return range
  }
}
