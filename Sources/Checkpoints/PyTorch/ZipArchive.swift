import Synchronization
import Tensors

/// A mapped zip file whose records are handed out as bytes: stored ones where they lie, deflated ones
/// inflated into memory that is shared as long as somebody holds it.
final class ZipArchive: Sendable {
  struct Contents {
    let bytes: UnsafeRawBufferPointer
    /// Keeps the bytes alive.
    let owner: AnyObject
  }

  let directory: ZipDirectory
  private let mapping: MappedFile
  private let inflated = Mutex<[String: Inflated]>([:])

  private struct Inflated: @unchecked Sendable {
    weak var memory: HostMemory?
  }

  init(_ mapping: MappedFile) throws(Malformation) {
    self.mapping = mapping
    directory = try ZipDirectory(mapping.bytes)
  }

  /// Bytes of the zip file itself.
  var size: Int { mapping.bytes.count }

  /// - Parameter verified: whether to read a stored record, too, and compare its checksum; a deflated
  ///   one is always checked.
  /// - Throws: when the record is damaged.
  func contents(
    of record: ZipRecord, verified: Bool = false
  ) throws(Malformation) -> Contents {
    let source = UnsafeRawBufferPointer(rebasing: mapping.bytes[record.range])
    switch record.method {
    case .stored:
      if verified { try ZipArchive.check(source, record) }
      return Contents(bytes: source, owner: mapping)
    case .deflated:
      let memory = try inflated.withLock { inflated throws(Malformation) in
        if let memory = inflated[record.name]?.memory { return memory }
        let memory = HostMemory(size: record.size)
        try Deflate.inflate(source, into: memory.bytes, record: record.name)
        try ZipArchive.check(UnsafeRawBufferPointer(memory.bytes), record)
        inflated[record.name] = Inflated(memory: memory)
        return memory
      }
      return Contents(bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory)
    }
  }

  /// Gives the pages of a record back.
  func release(_ record: ZipRecord) {
    mapping.release(UnsafeRawBufferPointer(rebasing: mapping.bytes[record.range]))
  }

  private static func check(
    _ bytes: UnsafeRawBufferPointer, _ record: ZipRecord
  ) throws(Malformation) {
    guard Deflate.checksum(bytes) == record.checksum else {
      throw Malformation("record \(record.name.quoted) is damaged: its checksum differs")
    }
  }
}
