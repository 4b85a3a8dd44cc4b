import Tensors

/// An operation that every backend can do, for comparison with the plain one.
public struct OperationCase {
  /// Relative L2 error that fast kernels in f32 may have; no single error may exceed 30 times that part of the
  /// root mean square.
  public let tolerance: Float
  public let what: String
  public let operation: (any Backend) -> Tensor

  /// The same on a GPU. Products of f32 lose 2^-22 in each of their factors, and a bit more than the processor's in
  /// their sums. What has been through bf16 has eight digits; what is exact stays so.
  public func deviceTolerance(isRounded: Bool) -> Float {
    isRounded && tolerance > 0 ? 1e-2 : 3 * tolerance
  }

  /// The cases that `body` names, in their order.
  static func list(_ body: (Collector) -> Void) -> [OperationCase] {
    let collector = Collector()
    body(collector)
    return collector.cases
  }

  final class Collector {
    fileprivate var cases: [OperationCase] = []

    func callAsFunction(
      _ tolerance: Float, _ what: String = "", _ operation: @escaping (any Backend) -> Tensor
    ) {
      cases.append(OperationCase(tolerance: tolerance, what: what, operation: operation))
    }
  }
}

/// Normal noise; a new sequence for each `seed`.
public func noise(_ count: Int, seed: Int = 1) -> [Float] {
  Array(GaussianNoise(seed: UInt64(seed)).rows(0..<(count + 3) / 4, channels: 4).prefix(count))
}

extension Backend {
  public func noise(_ shape: Shape, seed: Int = 1) -> Tensor {
    tensor(TestSupport.noise(shape.count, seed: seed), shape)
  }

  /// Noise in a stored type; i8 gets scales that differ from row to row.
  public func stored(_ shape: Shape, _ dtype: DType, seed: Int = 2) -> Tensor {
    upload(storedHost(shape, dtype, seed: seed))
  }
}

public func storedHost(_ shape: Shape, _ dtype: DType, seed: Int = 2) -> HostTensor {
  let values = noise(shape.count, seed: seed)
  switch dtype {
  case .f16:
    return HostTensor(copying: values.map { Float16($0).bitPattern }, shape: shape, dtype: .f16)
  case .bf16:
    return HostTensor(
      copying: values.map { UInt16(truncatingIfNeeded: ($0.bitPattern &+ 0x8000) >> 16) },
      shape: shape, dtype: .bf16)
  case .i8:
    return HostTensor(
      copying: values.map { Int8(max(-127, min(127, ($0 * 40).rounded()))) }, shape: shape,
      dtype: .i8, rowScales: (0..<shape[0]).map { 0.01 + 0.002 * Float($0 % 7) })
  default:
    return HostTensor(copying: values, shape: shape, dtype: .f32)
  }
}

/// L2 norm of the difference and its largest element, both relative to the expected values' (root mean
/// square). NaN compares equal to NaN here and to nothing else.
public func relativeErrors(_ found: [Float], _ expected: [Float]) -> (norm: Float, most: Float) {
  var (square, total, most) = (0.0, 0.0, 0.0)
  for (a, b) in zip(found, expected) {
    if a.isNaN != b.isNaN || (a.isInfinite || b.isInfinite) && a != b && !b.isNaN {
      return (.infinity, .infinity)
    }
    if b.isNaN || b.isInfinite { continue }
    let difference = Double(a) - Double(b)
    square += difference * difference
    total += Double(b) * Double(b)
    most = max(most, abs(difference))
  }
  if square == 0 { return (0, 0) }
  let root = (total / Double(max(1, expected.count))).squareRoot()
  return (Float((square / total).squareRoot()), Float(most / root))
}
