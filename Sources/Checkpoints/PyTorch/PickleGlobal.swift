import Tensors

/// The functions and classes a checkpoint may name. They are only ever compared with: nothing of Python
/// exists here that could be run.
enum PickleGlobal: Equatable {
  case orderedDictionary
  case rebuildTensor
  case rebuildParameter
  /// A sequence of dimensions, in place of a tuple.
  case size
  /// How old pickle protocols spell a string of bytes.
  case encode, bytes
  case storage(DType)

  init?(module: some StringProtocol, name: some StringProtocol) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch", "Size"): self = .size
    case ("_codecs", "encode"): self = .encode
    case ("__builtin__", "bytes"), ("builtins", "bytes"): self = .bytes
    case ("torch", _):
      guard let dtype = PickleGlobal.storages[String(name)] else { return nil }
      self = .storage(dtype)
    default: return nil
    }
  }

  private static let storages: [String: DType] = [
    "FloatStorage": .f32, "DoubleStorage": .f64, "HalfStorage": .f16, "BFloat16Storage": .bf16,
    "LongStorage": .i64, "IntStorage": .i32, "CharStorage": .i8, "ByteStorage": .u8,
    "BoolStorage": .u8,
  ]
}
