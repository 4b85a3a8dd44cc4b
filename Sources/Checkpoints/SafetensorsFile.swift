import Tensors

/// A safetensors file, mapped into memory, its header checked in full before any tensor is given out:
/// every offset inside the file, no overlap, no hole, sizes that match shapes.
public final class SafetensorsFile: TensorSource {
  public let file: String
  public let keys: [String]
  /// Whatever the file says of itself, under `__metadata__`.
  public let metadata: [String: String]
  private let mapping: MappedFile
  private let dataStart: Int
  private let entries: [String: Entry]

  private struct Entry {
    let shape: Shape
    let dtype: DType
    /// Bytes from the end of the header.
    let range: Range<Int>
  }

  /// Longest header accepted, as in the format's reference implementation.
  private static let maximumHeaderLength = 100_000_000

  public convenience init(_ path: String) throws(CheckpointError) {
    try self.init(mapping: try MappedFile(path: path))
  }

  init(mapping: MappedFile) throws(CheckpointError) {
    file = mapping.path
    self.mapping = mapping
    do throws(Malformation) {
      let start = try SafetensorsFile.dataStart(mapping.bytes)
      var parser = SafetensorsHeaderParser(
        UnsafeRawBufferPointer(rebasing: mapping.bytes[8..<start]))
      let header = try parser.parse()
      dataStart = start
      metadata = header.metadata
      entries = try SafetensorsFile.check(
        header.entries, dataLength: mapping.bytes.count - start)
    } catch {
      throw .malformed(file: mapping.path, reason: error.reason)
    }
    keys = entries.keys.sorted()
  }

  public func contains(_ key: String) -> Bool { entries[key] != nil }

  public func tensor(_ key: String) throws(CheckpointError) -> HostTensor {
    guard let entry = entries[key] else { throw .missingKey(file: file, key: key) }
    let range = dataStart + entry.range.lowerBound..<dataStart + entry.range.upperBound
    return HostTensor(
      shape: entry.shape, dtype: entry.dtype,
      bytes: UnsafeRawBufferPointer(rebasing: mapping.bytes[range]), owner: mapping)
  }

  private static func dataStart(_ bytes: UnsafeRawBufferPointer) throws(Malformation) -> Int {
    switch FileKind(bytes) {
    case .safetensors, .other(FileKind.unknown): break
    case .zip: throw Malformation("this is a zip file; expected a safetensors file")
    case .other(let what): throw Malformation(what)
    }
    var reader = ByteReader(bytes)
    guard let length = reader.integer(UInt64.self) else {
      throw Malformation("\(bytes.count) bytes are too few for a header")
    }
    guard length <= UInt64(min(reader.remaining, maximumHeaderLength)) else {
      throw Malformation(
        "the header would be \(length) bytes long in a file of \(bytes.count) bytes "
          + "(truncated, or not a safetensors file)")
    }
    return reader.position + Int(length)
  }

  private static func check(
    _ entries: [String: SafetensorsEntry], dataLength: Int
  ) throws(Malformation) -> [String: Entry] {
    var result: [String: Entry] = [:]
    for (key, entry) in entries.sorted(by: { $0.key < $1.key }) {
      guard let dtype = types[entry.type] else {
        throw Malformation(
          "tensor \(key.quoted) has the unknown or unsupported type \(entry.type.quoted)")
      }
      let shape = try Shape(declared: entry.shape, of: key, dtype: dtype)
      guard entry.begin <= entry.end, entry.end <= dataLength else {
        throw Malformation(
          "tensor \(key.quoted) lies at bytes \(entry.begin) to \(entry.end) of \(dataLength)")
      }
      let size = shape.count * dtype.size
      guard entry.end - entry.begin == size else {
        throw Malformation(
          "tensor \(key.quoted) of shape \(entry.shape) needs \(size) bytes, "
            + "\(entry.end - entry.begin) are stored")
      }
      result[key] = Entry(shape: shape, dtype: dtype, range: entry.begin..<entry.end)
    }
    var covered = 0
    for (key, entry) in result.sorted(by: {
      ($0.value.range.lowerBound, $0.value.range.upperBound)
        < ($1.value.range.lowerBound, $1.value.range.upperBound)
    }) {
      guard entry.range.lowerBound == covered else {
        throw Malformation(
          entry.range.lowerBound < covered
            ? "tensor \(key.quoted) overlaps another"
            : "\(entry.range.lowerBound - covered) bytes before "
              + "tensor \(key.quoted) belong to no tensor")
      }
      covered = entry.range.upperBound
    }
    guard covered == dataLength else {
      throw Malformation("\(dataLength - covered) bytes at the end belong to no tensor")
    }
    return result
  }

  private static let types: [String: DType] = [
    "F64": .f64, "F32": .f32, "F16": .f16, "BF16": .bf16, "I64": .i64, "I32": .i32, "I8": .i8,
    "U8": .u8, "BOOL": .u8,
  ]
}
