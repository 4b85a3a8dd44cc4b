import Tensors

/// What `torch.save` writes since PyTorch 1.6: a zip file of a pickle and of the storages it refers to.
///
/// The pickle may be any tree of dictionaries, lists, tuples, numbers, texts and tensors. Tensors are
/// named by the keys on the way to them, joined by dots: a state dictionary has the names the network
/// gives them; in `{"model": {...}, "epoch": 3}` they lie below `model`, see `tensors(below:)`. The rest
/// is in `values`.
///
/// Everything is checked before any tensor is given out. Tensors that lie in row-major order in a stored
/// record are mapped memory; others are copied into order each time they are asked for.
public final class PyTorchFile: TensorSource {
  public let file: String
  public let keys: [String]
  /// The object that was saved.
  public let values: PickledValue
  private let archive: ZipArchive
  private let entries: [String: Entry]

  private struct Entry {
    let dtype: DType
    let layout: StridedLayout
    let record: ZipRecord
  }

  /// What one tensor may take in memory beyond the size of the file, when it is deflated or when strides
  /// of 0 repeat its elements.
  package static let allowance = 64 << 20

  public convenience init(_ path: String) throws(CheckpointError) {
    try self.init(mapping: try MappedFile(path: path))
  }

  init(mapping: MappedFile) throws(CheckpointError) {
    file = mapping.path
    do throws(Malformation) {
      switch FileKind(mapping.bytes) {
      case .zip: break
      case .safetensors:
        throw Malformation("this is a safetensors file; expected a PyTorch zip file")
      case .other(let what): throw Malformation(what)
      }
      archive = try ZipArchive(mapping)
      let folder = try PyTorchFile.folder(of: archive.directory)
      try PyTorchFile.checkFormat(archive, folder)
      let pickle = try PyTorchFile.verified("data.pkl", archive, folder)
      values = try Unpickler.value(of: pickle.bytes)
      withExtendedLifetime(pickle.owner) {}
      entries = try PyTorchFile.entries(of: values, archive, folder)
    } catch {
      throw .malformed(file: mapping.path, reason: error.reason)
    }
    keys = entries.keys.sorted()
  }

  public func contains(_ key: String) -> Bool { entries[key] != nil }

  public func tensor(_ key: String) throws(CheckpointError) -> HostTensor {
    guard let entry = entries[key] else { throw .missingKey(file: file, key: key) }
    let contents: ZipArchive.Contents
    do throws(Malformation) {
      contents = try archive.contents(of: entry.record)
    } catch {
      throw .malformed(file: file, reason: error.reason)
    }
    let (layout, size) = (entry.layout, entry.dtype.size)
    if layout.isContiguous {
      let start = layout.shape.count == 0 ? 0 : layout.offset * size
      let bytes = contents.bytes[start..<start + layout.shape.count * size]
      return HostTensor(
        shape: layout.shape, dtype: entry.dtype, bytes: UnsafeRawBufferPointer(rebasing: bytes),
        owner: contents.owner)
    }
    let memory = layout.copied(from: contents.bytes, elementSize: size)
    withExtendedLifetime(contents.owner) {}
    return HostTensor(
      shape: layout.shape, dtype: entry.dtype, bytes: UnsafeRawBufferPointer(memory.bytes),
      owner: memory)
  }

  /// Reads every record and compares its checksum: finds what was damaged on the way here. Takes as long
  /// as reading the file; no more of it than one record stays in memory.
  public func verifyChecksums() throws(CheckpointError) {
    for record in archive.directory.records.values.sorted(by: {
      $0.range.lowerBound < $1.range.lowerBound
    }) {
      do throws(Malformation) {
        _ = try archive.contents(of: record, verified: true)
      } catch {
        throw .malformed(file: file, reason: error.reason)
      }
      archive.release(record)
    }
  }

  // MARK: Checks

  /// The folder inside the zip file that everything lies in, named after the file when it was saved.
  private static func folder(of directory: ZipDirectory) throws(Malformation) -> String {
    let folders = directory.records.keys.compactMap { name -> Substring? in
      let parts = name.split(separator: "/", omittingEmptySubsequences: false)
      return parts.count == 2 && parts[1] == "data.pkl" ? parts[0] : nil
    }
    guard folders.count == 1 else {
      throw Malformation(
        "the zip file has \(folders.isEmpty ? "no" : "several") data.pkl; "
          + "torch.save did not write it")
    }
    if directory.records[folders[0] + "/constants.pkl"] != nil {
      throw Malformation(
        "this is a TorchScript program; expected a state dictionary written by torch.save")
    }
    return String(folders[0])
  }

  private static func checkFormat(
    _ archive: ZipArchive, _ folder: String
  ) throws(Malformation) {
    let text = try verified("version", archive, folder)
    let version = String(validating: text.bytes.prefix(16), as: UTF8.self).flatMap {
      Int($0.prefix { !$0.isWhitespace })
    }
    withExtendedLifetime(text.owner) {}
    // 3 since PyTorch 1.6; 10 is the last one PyTorch itself reads.
    guard let version, (1...10).contains(version) else {
      throw Malformation("its format version is not one of 1 to 10")
    }
    // Before PyTorch 1.13 the record was not written.
    guard archive.directory.records[folder + "/byteorder"] != nil else { return }
    let order = try verified("byteorder", archive, folder)
    let isLittle = order.bytes.elementsEqual("little".utf8)
    let isBig = order.bytes.elementsEqual("big".utf8)
    withExtendedLifetime(order.owner) {}
    guard isLittle else {
      throw Malformation(
        isBig
          ? "it was written on a big-endian machine; save it again on a little-endian one"
          : "its byte order is neither 'little' nor 'big'")
    }
  }

  /// A small record, its checksum compared.
  private static func verified(
    _ name: String, _ archive: ZipArchive, _ folder: String
  ) throws(Malformation) -> ZipArchive.Contents {
    try archive.contents(of: try record(name, archive, folder), verified: true)
  }

  private static func record(
    _ name: String, _ archive: ZipArchive, _ folder: String
  ) throws(Malformation) -> ZipRecord {
    let path = folder + "/" + name
    guard let record = archive.directory.records[path] else {
      throw Malformation("the record \(path.quoted) is missing")
    }
    guard record.method == .stored || record.size <= archive.size + allowance else {
      throw Malformation("the record \(path.quoted) would inflate to \(record.size) bytes")
    }
    return record
  }

  private static func entries(
    of values: PickledValue, _ archive: ZipArchive, _ folder: String
  ) throws(Malformation) -> [String: Entry] {
    var entries: [String: Entry] = [:]
    try values.forEachTensor { key, tensor throws(Malformation) in
      let storage = tensor.storage
      let record = try record("data/" + storage.key, archive, folder)
      let (size, overflow) = storage.count.multipliedReportingOverflow(by: storage.dtype.size)
      guard !overflow, record.size == size else {
        throw Malformation(
          "tensor \(key.quoted) expects \(storage.count) elements of \(storage.dtype.size) bytes "
            + "in the record \(record.name.quoted), which has \(record.size) bytes")
      }
      let layout = try tensor.layout(of: key, limit: archive.size + allowance)
      let entry = Entry(dtype: storage.dtype, layout: layout, record: record)
      guard entries.updateValue(entry, forKey: key) == nil else {
        throw Malformation("two tensors are called \(key.quoted)")
      }
    }
    return entries
  }
}

extension PickledValue {
  /// Longest name of a tensor.
  private static let maximumKeyLength = 1024

  /// Visits every tensor with the keys on the way to it, joined by dots.
  func forEachTensor(
    _ visit: (String, PickledTensor) throws(Malformation) -> Void
  ) throws(Malformation) {
    try forEachTensor(below: "", visit)
  }

  // Trees out of a file are at most `Unpickler.maximumDepth` deep.
  private func forEachTensor(
    below prefix: String, _ visit: (String, PickledTensor) throws(Malformation) -> Void
  ) throws(Malformation) {
    func descend(_ name: String, _ value: PickledValue) throws(Malformation) {
      switch value {
      case .tensor, .dictionary, .list, .tuple: break
      default: return
      }
      let key = prefix.isEmpty ? name : prefix + "." + name
      guard key.utf8.count <= PickledValue.maximumKeyLength else {
        throw Malformation("the name of a tensor is too long: \(key.quoted)")
      }
      try value.forEachTensor(below: key, visit)
    }
    switch self {
    case .tensor(let tensor): try visit(prefix, tensor)
    case .dictionary(let entries): for entry in entries { try descend(entry.key, entry.value) }
    case .list(let elements), .tuple(let elements):
      for (index, element) in elements.enumerated() { try descend(String(index), element) }
    default: break
    }
  }
}
