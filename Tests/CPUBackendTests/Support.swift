import CPUBackend
import Foundation
import ReferenceBackend
import Tensors
import Testing

/// Backends of every level this processor has, each with 1, 2 and 3 threads.
let backends: [(level: SIMDLevel, threads: [CPUBackend])] = SIMDLevel.allCases.compactMap { level in
  guard level.isSupported else {
    print("kernels for \(level) are not tested: this processor does not support them")
    return nil
  }
  return (level, [1, 2, 3].map { try! CPUBackend(threads: $0, level: level) })
}

let reference = Reference()

/// Normal noise; a new sequence for each `seed`.
func noise(_ count: Int, seed: Int = 1) -> [Float] {
  GaussianNoise(seed: UInt64(seed)).rows(0..<(count + 3) / 4, channels: 4).dropLast(
    (4 - count % 4) % 4
  )
  .map { $0 }
}

extension Backend {
  func noise(_ shape: Shape, seed: Int = 1) -> Tensor {
    tensor(CPUBackendTests.noise(shape.count, seed: seed), shape)
  }

  /// Noise in a stored type; i8 gets scales that differ from row to row.
  func stored(_ shape: Shape, _ dtype: DType, seed: Int = 2) -> Tensor {
    upload(storedHost(shape, dtype, seed: seed))
  }
}

func storedHost(_ shape: Shape, _ dtype: DType, seed: Int = 2) -> HostTensor {
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

/// Runs an operation on the reference backend and on every level and number of threads.
///
/// The relative L2 error must not exceed `tolerance`, nor any single error 30 times that part of the root
/// mean square; results of one level must be the same bits with any number of threads.
func compare(
  _ tolerance: Float, _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation,
  _ operation: (any Backend) -> Tensor
) {
  let expected = operation(reference)
  let values = expected.floats()
  for (level, variants) in backends {
    let found = variants.map(operation)
    #expect(found[0].shape == expected.shape, "\(level) \(what)", sourceLocation: sourceLocation)
    let first = found[0].floats()
    #expect(first.count == values.count, "\(level) \(what)", sourceLocation: sourceLocation)
    if first.count != values.count { continue }
    let error = relativeError(first, values)
    #expect(
      error.norm <= tolerance, "\(level) \(what): relative L2", sourceLocation: sourceLocation)
    #expect(
      error.most <= 30 * tolerance, "\(level) \(what): largest", sourceLocation: sourceLocation)
    for other in found.dropFirst() {
      let same = zip(other.floats(), first).allSatisfy { $0.bitPattern == $1.bitPattern }
      #expect(same, "\(level) \(what): \(other.backend.name)", sourceLocation: sourceLocation)
    }
  }
}

/// L2 norm of the difference and its largest element, both relative to the expected values' (root mean
/// square). NaN compares equal to NaN here and to nothing else.
func relativeError(_ found: [Float], _ expected: [Float]) -> (norm: Float, most: Float) {
  var square = 0.0
  var total = 0.0
  var most = 0.0
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
