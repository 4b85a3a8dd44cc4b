import CZlib
import Foundation
import Tensors
import TestSupport

/// Writes a file as `torch.save` does, one tensor at a time, however large: a zip file of stored records with
/// 64-bit places.
final class TorchFileWriter {
  /// What is to be written of one tensor.
  struct Entry {
    let key: String
    let shape: Shape
    let dtype: DType
  }

  private struct Record {
    let name: String
    let offset: Int
    let size: Int
    let checksum: UInt32
  }

  private let file: FileHandle
  private var records: [Record] = []
  private var position = 0
  private var tensors = 0

  /// Records begin at multiples of this, as PyTorch has it.
  private static let alignment = 64
  private static let wide: UInt32 = .max

  /// - Parameters:
  ///   - entries: in the order in which they will be written.
  ///   - metadata: what is kept beside the tensors, which are then under `state_dict`.
  init(path: String, _ entries: [Entry], metadata: Pickled? = nil) throws {
    guard FileManager.default.createFile(atPath: path, contents: nil) else {
      throw RandomFolderError.cannotCreate(path)
    }
    file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    let storages = entries.map { (type: TorchFileWriter.storage($0.dtype), count: $0.shape.count) }
    let state = Pickled.stateDictionary(
      entries.enumerated().map { index, entry in
        (
          entry.key,
          .tensor(
            storage: index, shape: entry.shape.dimensions,
            strides: TorchFileWriter.strides(entry.shape))
        )
      })
    let value =
      metadata.map { Pickled.dictionary([("state_dict", state), ("metadata", $0)]) } ?? state
    try record("data.pkl", PickleWriter.pickle(value, storages: storages))
    try record("byteorder", Array("little".utf8))
    try record("version", Array("3\n".utf8))
  }

  /// The next tensor.
  func write(_ tensor: HostTensor) throws {
    try record("data/\(tensors)", tensor.bytes)
    tensors += 1
  }

  func finish() throws {
    let start = position
    var directory: [UInt8] = []
    for record in records {
      directory.append(0x0201_4B50 as UInt32)
      directory.append(45 as UInt16)
      appendCommon(&directory, record, extra: 28)
      directory += [UInt8](repeating: 0, count: 2 + 2 + 2 + 4)  // comment, disk, attributes
      directory.append(TorchFileWriter.wide)
      directory += Array(record.name.utf8)
      directory.append(1 as UInt16)
      directory.append(24 as UInt16)
      for value in [record.size, record.size, record.offset] { directory.append(UInt64(value)) }
    }
    try put(directory)
    var end: [UInt8] = []
    end.append(0x0606_4B50 as UInt32)
    end.append(44 as UInt64)
    end.append(45 as UInt16)
    end.append(45 as UInt16)
    end += [UInt8](repeating: 0, count: 8)  // disks
    for value in [records.count, records.count, directory.count, start] {
      end.append(UInt64(value))
    }
    end.append(0x0706_4B50 as UInt32)
    end.append(0 as UInt32)
    end.append(UInt64(start + directory.count))
    end.append(1 as UInt32)
    end.append(0x0605_4B50 as UInt32)
    end += [UInt8](repeating: 0, count: 4)
    for _ in 0..<2 { end.append(UInt16.max) }
    for _ in 0..<2 { end.append(TorchFileWriter.wide) }
    end.append(0 as UInt16)
    try put(end)
    try file.close()
  }

  // MARK: Records

  private func record(_ name: String, _ contents: [UInt8]) throws {
    try contents.withUnsafeBytes { try record(name, $0) }
  }

  private func record(_ name: String, _ contents: UnsafeRawBufferPointer) throws {
    let bytes = contents.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let record = Record(
      name: "archive/" + name, offset: position, size: contents.count,
      checksum: UInt32(crc32_z(0, bytes, contents.count)))
    records.append(record)
    var header: [UInt8] = []
    header.append(0x0403_4B50 as UInt32)
    // The padding is an extra field of a kind of its own, after the one with the sizes.
    let unpadded = position + 30 + record.name.utf8.count + 20 + 4
    let padding = (-unpadded) & (TorchFileWriter.alignment - 1)
    appendCommon(&header, record, extra: 20 + 4 + padding)
    header += Array(record.name.utf8)
    header.append(1 as UInt16)
    header.append(16 as UInt16)
    for _ in 0..<2 { header.append(UInt64(record.size)) }
    header.append(0x4246 as UInt16)
    header.append(UInt16(padding))
    header += [UInt8](repeating: 0x5A, count: padding)
    try put(header)
    try file.write(contentsOf: Data(contents))
    position += contents.count
  }

  /// What a record's header and its entry in the directory have in common.
  private func appendCommon(_ header: inout [UInt8], _ record: Record, extra: Int) {
    header.append(45 as UInt16)
    header.append(0x0800 as UInt16)  // names are UTF-8
    header.append(0 as UInt16)  // stored
    header.append(0 as UInt32)  // time and date
    header.append(record.checksum)
    for _ in 0..<2 { header.append(TorchFileWriter.wide) }
    header.append(UInt16(record.name.utf8.count))
    header.append(UInt16(extra))
  }

  private func put(_ bytes: [UInt8]) throws {
    try file.write(contentsOf: Data(bytes))
    position += bytes.count
  }

  private static func storage(_ dtype: DType) -> String {
    switch dtype {
    case .bf16: "BFloat16Storage"
    default: "FloatStorage"
    }
  }

  private static func strides(_ shape: Shape) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.rank)
    for axis in stride(from: shape.rank - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    return strides
  }
}

extension [UInt8] {
  fileprivate mutating func append(_ value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}
