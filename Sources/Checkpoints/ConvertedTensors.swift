import Tensors

/// The tensors of another source, floating-point ones stored as one type: converted as they are read.
public struct ConvertedTensors: TensorSource {
  private let source: any TensorSource
  private let dtype: DType

  /// - Parameter dtype: f32 or bf16.
  public init(_ source: any TensorSource, to dtype: DType) {
    precondition(dtype == .f32 || dtype == .bf16, "weights are kept as f32 or bf16")
    self.source = source
    self.dtype = dtype
  }

  public var file: String { source.file }
  public var keys: [String] { source.keys }
  public func contains(_ key: String) -> Bool { source.contains(key) }

  public func tensor(_ key: String) throws(CheckpointError) -> HostTensor {
    let stored = try source.tensor(key)
    switch stored.dtype {
    case .f32, .f16, .bf16, .f64: return dtype == .f32 ? stored.widened() : stored.narrowed()
    default: return stored
    }
  }
}
