import Tensors

/// A safetensors file, mapped into memory, its header checked in full before any tensor is given out:
/// every offset inside the file, no overlap, no hole, sizes that match shapes.
public final class SafetensorsFile: TensorSource {
  public let file: String
  public let keys: [String]
  private let mapping: MappedFile
  private let dataStart: Int
  private let entries: [String: (shape: Shape, dtype: DType, range: Range<Int>)]

  /// Longest header accepted, as in the format's reference implementation.
  private static let maximumHeaderLength = 100_000_000

  public init(_ path: String) throws(CheckpointError) {
    file = path
    mapping = try MappedFile(path: path)
    let bytes = mapping.bytes
    guard bytes.count >= 8 else {
      throw .malformed(file: path, reason: "\(bytes.count) bytes are too few for a header")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(min(bytes.count - 8, SafetensorsFile.maximumHeaderLength)) else {
      throw .malformed(
        file: path,
        reason: "the header would be \(length) bytes long in a file of \(bytes.count) bytes "
          + "(truncated, or not a safetensors file)")
    }
    dataStart = 8 + Int(length)
    let header = UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart])
    do {
      var parser = SafetensorsHeaderParser(header)
      entries = try SafetensorsFile.check(
        try parser.parse(), dataLength: bytes.count - dataStart)
    } catch {
      throw .malformed(file: path, reason: error.reason)
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

  private static func check(
    _ entries: [String: SafetensorsEntry], dataLength: Int
  ) throws(SafetensorsHeaderParser.Failure) -> [String: (
    shape: Shape, dtype: DType, range: Range<Int>
  )] {
    var result: [String: (shape: Shape, dtype: DType, range: Range<Int>)] = [:]
    for (key, entry) in entries {
      guard let dtype = types[entry.type] else {
        throw .init(reason: "tensor '\(key)' has the unknown or unsupported type '\(entry.type)'")
      }
      guard entry.shape.count <= Shape.maximumRank else {
        throw .init(reason: "tensor '\(key)' has \(entry.shape.count) dimensions")
      }
      var size = dtype.size
      for extent in entry.shape {
        let (product, overflow) = size.multipliedReportingOverflow(by: extent)
        guard !overflow else { throw .init(reason: "the shape of tensor '\(key)' overflows") }
        size = product
      }
      guard entry.begin <= entry.end, entry.end <= dataLength else {
        throw .init(
          reason: "tensor '\(key)' lies at bytes \(entry.begin) to \(entry.end) of \(dataLength)")
      }
      guard entry.end - entry.begin == size else {
        throw .init(
          reason: "tensor '\(key)' of shape \(entry.shape) needs \(size) bytes, "
            + "\(entry.end - entry.begin) are stored")
      }
      result[key] = (Shape(entry.shape), dtype, entry.begin..<entry.end)
    }
    var covered = 0
    for (key, entry) in result.sorted(by: {
      ($0.value.range.lowerBound, $0.value.range.upperBound)
        < ($1.value.range.lowerBound, $1.value.range.upperBound)
    }) {
      guard entry.range.lowerBound == covered else {
        throw .init(
          reason: entry.range.lowerBound < covered
            ? "tensor '\(key)' overlaps another"
            : "\(entry.range.lowerBound - covered) bytes before "
              + "tensor '\(key)' belong to no tensor")
      }
      covered = entry.range.upperBound
    }
    guard covered == dataLength else {
      throw .init(reason: "\(dataLength - covered) bytes at the end belong to no tensor")
    }
    return result
  }

  private static let types: [String: DType] = [
    "F64": .f64, "F32": .f32, "F16": .f16, "BF16": .bf16, "I64": .i64, "I32": .i32, "I8": .i8,
    "U8": .u8, "BOOL": .u8,
  ]
}
