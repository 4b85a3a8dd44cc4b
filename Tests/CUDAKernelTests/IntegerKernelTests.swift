import Tensors
import Testing

@Suite struct IntegerKernelTests {
  @Test func rounding() {
    for (rows, width) in [(1, 1), (5, 7), (9, 64), (3, 200)] {
      IntegerKernelCases.rounding(rows: rows, width: width, to: .i8).check()
      IntegerKernelCases.rounding(rows: rows, width: width, .bf16, to: .bf16).check()
    }
  }

  @Test func sums() {
    for geometry in [
      Convolution1D.same(kernel: 3), .same(kernel: 3, dilation: 2), Convolution1D(stride: 2),
    ] {
      IntegerKernelCases.finish(length: 13, columns: 20, kernel: 3, geometry).check()
      IntegerKernelCases.finish(length: 9, columns: 5, kernel: 3, geometry).check()
    }
    IntegerKernelCases.finish(length: 70, columns: 12, kernel: 1, Convolution1D()).check()
  }
}
