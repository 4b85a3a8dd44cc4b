import CUDAEmulation
import Tensors
import TestSupport

/// What comes before and after products of whole numbers.
enum IntegerKernelCases {
  /// Whole numbers of every row, then the factors.
  static func rounding(rows: Int, width: Int, _ storage: Storage = .f32, to out: Storage)
    -> KernelCase
  {
    let x = Operand([rows, width], storage)
    let expected = reference.tensor(x.tensor.floats(), [rows, width]).quantised()
    let factors = expected.scale!.tensor.floats()
    let stored = Tensor(buffer: expected.buffer, shape: expected.shape, dtype: .i8)
    var p = FoleyCudaRounding()
    p.x = x.view()
    (p.rows, p.columns) = (Int64(rows), Int32(width))
    return KernelCase(
      what: "rounding \(rows) x \(width), \(storage) to \(out)",
      expected: stored.floats() + factors, tolerance: 0
    ) { [p] variation in
      try withExtendedLifetime(x) {
        let result = Target(rows * width, width: width, out)
        let factors = Target(rows, width: 1, .f32)
        var p = p
        p.out = result.target
        p.factors = factors.memory.base.assumingMemoryBound(to: Float.self)
        try launch("foley_round_rows", p, foley_cuda_launch_rows(p.rows), variation)
        return result.values + factors.values
      }
    }
  }

  /// Sums of two batch entries and two parts of the depth, which are made up.
  static func finish(length: Int, columns: Int, kernel: Int, _ geometry: Convolution1D)
    -> KernelCase
  {
    let (batch, parts) = (2, 2)
    let outLength = geometry.outputLength(length, kernel: kernel)
    let rows = batch * outLength
    let sums = Operand(
      noise(kernel * parts * rows * columns, seed: 1).map { ($0 * 100).rounded() },
      [kernel * parts * rows, columns])
    let rowFactors = Operand([1, batch * length], seed: 2)
    let columnFactors = Operand([1, columns], seed: 3)
    let residual = Operand([rows, columns], seed: 4)
    var p = FoleyCudaIntegerSums()
    p.sums = sums.memory.vector
    p.rowFactors = rowFactors.memory.vector
    p.columnFactors = columnFactors.memory.vector
    (p.rows, p.columns) = (Int64(rows), Int32(columns))
    (p.taps, p.parts) = (Int32(kernel), Int32(parts))
    (p.length, p.outLength) = (Int32(length), Int32(outLength))
    (p.stride, p.dilation) = (Int32(geometry.stride), Int32(geometry.dilation))
    p.padding = Int32(geometry.paddingBefore)
    p.epilogue.residual = residual.view()

    let (values, scales) = (sums.tensor.floats(), rowFactors.tensor.floats())
    let (outScales, rest) = (columnFactors.tensor.floats(), residual.tensor.floats())
    let expected = (0..<rows * columns).map { index -> Float in
      let (row, column) = (index / columns, index % columns)
      var sum = 0.0
      for tap in 0..<kernel {
        let place =
          row % outLength * geometry.stride + tap * geometry.dilation - geometry.paddingBefore
        guard (0..<length).contains(place) else { continue }
        let whole = (0..<parts).reduce(0.0) {
          $0 + Double(values[((tap * parts + $1) * rows + row) * columns + column])
        }
        sum += whole * Double(scales[row / outLength * length + place])
      }
      return Float(sum * Double(outScales[column]) + Double(rest[index]))
    }
    return KernelCase(
      what: "sums of \(length) x \(columns), kernel \(kernel), \(geometry)", expected: expected,
      tolerance: 1e-6
    ) { [p] variation in
      try withExtendedLifetime((sums, rowFactors, columnFactors, residual)) {
        let result = Target(rows * columns, width: columns, .f32)
        var p = p
        p.epilogue.out = result.target
        try launch("foley_finish_integers", p, foley_cuda_launch_finish_integers(&p), variation)
        return result.values
      }
    }
  }
}
