/// How one element is stored. Arithmetic is done in f32 whatever the storage.
public enum DType: String, Sendable, CaseIterable {
  case f32, f16, bf16, f64
  /// Signed bytes. A matrix of them carries one f32 scale per row (`Tensor.scale`).
  case i8
  case u8
  case i32, i64

  /// Bytes of one element.
  public var size: Int {
    switch self {
    case .i8, .u8: 1
    case .f16, .bf16: 2
    case .f32, .i32: 4
    case .f64, .i64: 8
    }
  }
}
