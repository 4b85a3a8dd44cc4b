import Foundation
import Media
import Tensors

/// Writes a safetensors file one tensor at a time; it has its name only when it is complete.
package final class SafetensorsWriter {
  /// What is to be written of one tensor.
  package struct Entry: Equatable, Sendable {
    package let key: String
    package let shape: Shape
    package let dtype: DType

    package init(key: String, shape: Shape, dtype: DType) {
      self.key = key
      self.shape = shape
      self.dtype = dtype
    }

    var bytes: Int { shape.count * dtype.size }
  }

  private let file: AtomicFile
  private var waiting: ArraySlice<Entry>

  /// The data begin at a multiple of this, so that a mapped file can be used as it is.
  private static let alignment = 64

  /// - Parameters:
  ///   - entries: in the order in which they will be written.
  ///   - metadata: what the file says of itself.
  package init(path: String, _ entries: [Entry], metadata: [String: String]) throws {
    file = try AtomicFile(path: path)
    waiting = entries[...]
    let header = try SafetensorsWriter.header(entries, metadata)
    try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try write($0) }
    try header.withUnsafeBytes { try write($0) }
  }

  /// The next tensor, in the type it was announced with.
  package func write(_ tensor: HostTensor) throws {
    guard let entry = waiting.popFirst() else { preconditionFailure("more tensors than announced") }
    precondition(
      tensor.shape == entry.shape && tensor.dtype == entry.dtype && tensor.rowScales == nil,
      "'\(entry.key)' was announced as \(entry.dtype) \(entry.shape)")
    try write(tensor.bytes)
    tensor.releasePages()
  }

  package func commit() throws(MediaError) {
    precondition(waiting.isEmpty, "fewer tensors than announced")
    try file.commit()
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws(MediaError) {
    let number = writeAll(file.descriptor, bytes)
    guard number == 0 else {
      throw .cannotWrite(file: file.name, reason: String(cString: strerror(number)))
    }
  }

  // MARK: The header

  private struct Description: Encodable {
    let dtype: String
    let shape: [Int]
    let offsets: [Int]

    private enum CodingKeys: String, CodingKey {
      case dtype, shape
      case offsets = "data_offsets"
    }
  }

  /// JSON, filled up with spaces.
  private static func header(
    _ entries: [Entry], _ metadata: [String: String]
  ) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func text(_ value: some Encodable) throws -> String {
      String(decoding: try encoder.encode(value), as: UTF8.self)
    }
    var parts = ["\"__metadata__\":" + (try text(metadata))]
    var offset = 0
    for entry in entries {
      let description = Description(
        dtype: entry.dtype.rawValue.uppercased(), shape: entry.shape.dimensions,
        offsets: [offset, offset + entry.bytes])
      parts.append(try text(entry.key) + ":" + text(description))
      offset += entry.bytes
    }
    var header = Array(("{" + parts.joined(separator: ",") + "}").utf8)
    while (8 + header.count) % alignment != 0 { header.append(UInt8(ascii: " ")) }
    return header
  }
}
