import Tensors

/// A checkpoint of whatever format, recognised by its content and not by its name:
/// `Weights(try CheckpointFile.open(path), on: backend)`.
public enum CheckpointFile: TensorSource {
  case safetensors(SafetensorsFile)
  case pyTorch(PyTorchFile)

  public static func open(_ path: String) throws(CheckpointError) -> CheckpointFile {
    try CheckpointFile(mapping: try MappedFile(path: path))
  }

  /// The same for a file's bytes in memory, which are copied; `name` stands for the path in messages.
  package init(bytes: UnsafeRawBufferPointer, name: String) throws(CheckpointError) {
    try self.init(mapping: try MappedFile(copying: bytes, path: name))
  }

  private init(mapping: MappedFile) throws(CheckpointError) {
    switch FileKind(mapping.bytes) {
    case .safetensors: self = .safetensors(try SafetensorsFile(mapping: mapping))
    case .zip: self = .pyTorch(try PyTorchFile(mapping: mapping))
    case .other(let what): throw .malformed(file: mapping.path, reason: what)
    }
  }

  public var file: String { source.file }
  public var keys: [String] { source.keys }
  public func contains(_ key: String) -> Bool { source.contains(key) }
  public func tensor(_ key: String) throws(CheckpointError) -> HostTensor {
    try source.tensor(key)
  }

  private var source: any TensorSource {
    switch self {
    case .safetensors(let file): file
    case .pyTorch(let file): file
    }
  }
}
