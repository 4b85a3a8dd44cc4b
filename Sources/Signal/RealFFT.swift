import CKernels
import Foundation
import Tensors

/// The discrete Fourier transform of real values, for powers of two from 4 to 8192.
///
/// A plan is immutable and may be shared between threads.
public final class RealFFT: @unchecked Sendable {
  public let size: Int
  /// Bins of a spectrum: `size / 2 + 1`.
  public var bins: Int { size / 2 + 1 }
  let plan: OpaquePointer

  public init(size: Int) {
    precondition(
      size >= 4 && size <= 8192 && size & (size - 1) == 0,
      "transform of \(size) values: not a power of two from 4 to 8192")
    self.size = size
    guard let plan = foley_fft_make(Int32(size)) else { MemoryExhaustion.end(bytes: 0) }
    self.plan = plan
  }

  deinit { foley_fft_free(plan) }

  /// `X[k] = sum of x[n] exp(-2 pi i k n / size)` for k in 0 ... size / 2.
  public func forward(_ x: [Float]) -> (real: [Float], imaginary: [Float]) {
    precondition(x.count == size, "\(x.count) values for a transform of \(size)")
    var real = [Float](repeating: 0, count: bins)
    var imaginary = real
    let scratch = FloatMemory(count: foley_fft_scratch(plan))
    foley_fft_forward(plan, x, &real, &imaginary, scratch.base)
    return (real, imaginary)
  }

  /// The inverse of `forward`, scale included.
  public func inverse(real: [Float], imaginary: [Float]) -> [Float] {
    precondition(real.count == bins && imaginary.count == bins)
    var x = [Float](repeating: 0, count: size)
    let scratch = FloatMemory(count: foley_fft_scratch(plan))
    foley_fft_inverse(plan, real, imaginary, &x, scratch.base)
    return x
  }
}

/// The window of every short-time transform here: Hann, periodic.
public func hannWindow(_ size: Int) -> [Float] {
  (0..<size).map { Float(0.5 - 0.5 * cos(2 * Double.pi * Double($0) / Double(size))) }
}
