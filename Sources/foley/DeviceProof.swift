import CPUBackend
import Tensors

/// Whether a GPU computes what it should: a few small operations of every kind, against the processor.
///
/// A driver that translates wrongly, memory that is broken and code that nobody ran on such a GPU before show here,
/// and not as noise in somebody's film. Takes some milliseconds.
enum DeviceProof {
  /// Relative L2 error of results computed in bf16; a wrong one is off by far more.
  private static let tolerance: Float = 0.02

  /// Whatever fails in it, is an answer, too.
  static func holds(for device: any Backend) -> Bool {
    guard let expected = try? results(on: CPUBackend(threads: 1)),
      let found = DeviceFailure.contained({ results(on: device) })
    else { return false }
    return zip(found, expected).allSatisfy { found, expected in
      let difference = zip(found, expected).reduce(Float(0)) { sum, pair in
        sum + (pair.0 - pair.1) * (pair.0 - pair.1)
      }
      let size = expected.reduce(Float(0)) { $0 + $1 * $1 }
      // What is no number compares as false.
      return found.count == expected.count && difference <= tolerance * tolerance * size
    }
  }

  /// A block of a transformer in both kinds of numbers, and a convolution.
  private static func results(on backend: any Backend) -> [[Float]] {
    let (tokens, width) = (70, 64)
    func noise(_ seed: UInt64, _ shape: Shape) -> [Float] {
      GaussianNoise(seed: seed).rows(0..<shape.rows, channels: shape.channels)
    }
    func weight(_ seed: UInt64, _ shape: Shape, _ dtype: DType) -> Tensor {
      // Digits that bf16 holds, so that both kinds are the same numbers.
      let bits = noise(seed, shape).map { UInt16(truncatingIfNeeded: ($0 / 8).bitPattern >> 16) }
      let host =
        dtype == .bf16
        ? HostTensor(copying: bits, shape: shape, dtype: .bf16)
        : HostTensor(
          copying: bits.map { Float(bitPattern: UInt32($0) << 16) }, shape: shape, dtype: .f32)
      return backend.upload(host)
    }
    let input = backend.tensor(noise(1, [tokens, width]), [1, tokens, width])
    let blocks = [DType.f32, .bf16].map { dtype in
      let normal = input.layerNorm(epsilon: 1e-6)
      let packed = normal.linear(weight(2, [3 * width, width], dtype))
      let seen = packed.chunk(0, of: 3)
        .attend(keys: packed.chunk(1, of: 3), values: packed.chunk(2, of: 3), heads: 2)
      return seen.linear(
        weight(3, [width, width], dtype), epilogue: Epilogue(.geluTanh, residual: input))
    }
    let convolution = input.conv1d(
      weight(4, [width, 3, width], .f32), Convolution1D(paddingBefore: 1, paddingAfter: 1))
    return (blocks + [convolution, input.softmax()]).map { $0.floats() }
  }
}
