import Checkpoints
import Foundation
import Networks
import Tensors

/// One safetensors file to be made of a checkpoint: the tensors its network reads.
struct ImportedFile: Sendable {
  let path: String
  private let checkpoint: ModelCheckpoint
  private let tensors: [ImportedTensor]
  private let metadata: [String: String]

  /// Bytes of its tensors.
  var bytes: Int { tensors.reduce(0) { $0 + $1.entry.bytes } }

  /// - Parameters:
  ///   - name: below the folder.
  ///   - dtype: what floating-point tensors become; nil: they stay as they are.
  ///   - metadata: what the file is to say of itself, beside where it comes from.
  /// - Throws: the first fault of the checkpoint.
  init(
    _ checkpoint: ModelCheckpoint, name: String, in folder: String, convertingTo dtype: DType?,
    metadata: [String: String], on backend: any Backend
  ) throws {
    let inspection = checkpoint.inspect(.shapes, on: backend)
    if let fault = inspection.faults.first { throw fault }
    path = folder + "/" + name
    self.checkpoint = checkpoint
    let source = try checkpoint.open()
    // Wide elements first: none begins at an odd place.
    tensors = try ImportedTensor.list(inspection.reads, in: source, convertingTo: dtype)
      .sorted { $0.entry.dtype.size > $1.entry.dtype.size }
    self.metadata = metadata.merging([
      "source": (checkpoint.file as NSString).lastPathComponent,
      "sourceBytes": String(try ImportedFile.size(checkpoint.file)),
      "precision": dtype?.rawValue ?? "as published",
    ]) { $1 }
  }

  private static func size(_ path: String) throws(CheckpointError) -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw .unreadable(file: path, reason: String(cString: strerror(errno)))
    }
    return Int(status.st_size)
  }

  /// Whether an earlier run has made the file.
  ///
  /// - Parameter overwrite: a file made of something else does not count; otherwise it is an error.
  func isComplete(overwrite: Bool) throws -> Bool {
    guard FileManager.default.fileExists(atPath: path) else { return false }
    do {
      let file = try SafetensorsFile(path)
      if file.metadata == metadata && Set(file.keys) == Set(tensors.map(\.entry.key)) {
        return true
      }
    } catch {
      // Whatever has this name is no file of ours: treated like one made of something else.
      guard !overwrite else { return false }
    }
    guard overwrite else {
      throw FoleyError.cannotCreate(
        file: path,
        reason: "exists already, made of something else; --overwrite replaces it")
    }
    return false
  }

  /// - Parameter tell: called with the bytes written so far.
  func write(_ tell: (Int) -> Void) throws {
    let source = try checkpoint.open()
    let writer = try SafetensorsWriter(path: path, tensors.map(\.entry), metadata: metadata)
    var written = 0
    for tensor in tensors {
      tell(written)
      try writer.write(try tensor.read(source))
      written += tensor.entry.bytes
    }
    try writer.commit()
    tell(written)
  }
}

/// A tensor of an imported file, and how it is made.
struct ImportedTensor: Sendable {
  let entry: SafetensorsWriter.Entry
  private let key: String
  /// The magnitudes that belong to it, where it is stored as directions.
  private let magnitude: String?

  /// - Parameter reads: what a network reads.
  static func list(
    _ reads: [WeightsAudit.Read], in source: any TensorSource, convertingTo dtype: DType?
  ) throws(CheckpointError) -> [ImportedTensor] {
    var tensors: [ImportedTensor] = []
    var seen = Set<String>()
    for read in reads where seen.insert(read.key).inserted {
      let parts = read.key.split(separator: ".")
      let prefix = parts.dropLast().map { $0 + "." }.joined()
      if parts.last == Substring(WeightNorm.magnitude) { continue }
      let isDirection = parts.last == Substring(WeightNorm.direction)
      let stored = try source.tensor(read.key).dtype
      tensors.append(
        ImportedTensor(
          entry: SafetensorsWriter.Entry(
            key: isDirection ? prefix + WeightNorm.folded : read.key, shape: read.shape,
            dtype: dtype ?? (isDirection ? .f32 : stored)),
          key: read.key, magnitude: isDirection ? prefix + WeightNorm.magnitude : nil))
    }
    return tensors
  }

  /// The tensor as it is to be written.
  func read(_ source: any TensorSource) throws(CheckpointError) -> HostTensor {
    var tensor = try source.tensor(key)
    if let magnitude {
      tensor = WeightNorm.fold(direction: tensor, magnitude: try source.tensor(magnitude))
    }
    switch entry.dtype {
    case tensor.dtype: return tensor
    case .bf16: return tensor.narrowed()
    default: return tensor.widened()
    }
  }
}
