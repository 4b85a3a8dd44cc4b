import Tensors

/// Products of whole numbers, which are exact: operands that rounding does not change, and sums that f32 holds.
public enum IntegerCases {
  /// One part of the depth and several; rows that fill a tile and less.
  public static var sums: [OperationCase] {
    OperationCase.list { compare in
      for (rows, input, output) in [(1, 40, 3), (5, 257, 33), (70, 64, 16), (3, 2100, 40)] {
        compare(0, "\(rows) x \(input) x \(output)") {
          $0.tensor(wholeNumbers(rows: rows, width: input, seed: 1), [rows, input]).linear(
            $0.tensor(wholeNumbers(rows: output, width: input, seed: 2), [output, input])
              .quantised(), precision: .int8)
        }
      }
      // The largest there can be: multiples of a power of two, so that those of parts are exact, too.
      let depth = 1 << 16
      compare(0, "the deepest") {
        let ones = $0.tensor([Float](repeating: 127, count: depth), [1, depth])
        return ones.linear((ones * -1).quantised(), precision: .int8)
      }
    }
  }

  /// Rows are rounded once and serve every tap; what lies outside counts as zero.
  public static var convolutions: [OperationCase] {
    OperationCase.list { compare in
      for geometry in [
        Convolution1D.same(kernel: 3), .same(kernel: 3, dilation: 3), Convolution1D(stride: 2),
        Convolution1D(stride: 3, dilation: 2, paddingAfter: 5),
      ] {
        for (length, input, output) in [(1, 5, 3), (17, 12, 40)] {
          compare(0, "\(geometry), \(length)") {
            $0.tensor(
              wholeNumbers(rows: 2 * length, width: input, seed: 1), [2, length, input]
            ).conv1d(
              $0.tensor(
                wholeNumbers(rows: output, width: 3 * input, seed: 2), [output, 3, input]
              ).quantised(), geometry, precision: .int8)
          }
        }
      }
    }
  }

  /// Weights are rounded to the same bytes and factors.
  public static func rounding(_ dtype: DType) -> [OperationCase] {
    OperationCase.list { compare in
      for shape in [[5, 7], [33, 64], [4, 3, 40], [3, 1], [0, 4], [2, 0]] as [Shape] {
        compare(0, "\(shape)") { $0.stored(shape, dtype).quantised() }
        compare(0, "\(shape): factors") { $0.stored(shape, dtype).quantised().scale!.tensor }
      }
      // Halves go to the even neighbour; rows of zeros, and of almost nothing.
      compare(0, "odd rows") {
        $0.tensor([127, 0.5, 1.5, -2.5, 0, 0, 0, 0, 1e-35, -1e-38, 0, 0], [3, 4]).quantised()
      }
    }
  }

  /// Real numbers: the sums are exact, what follows is single precision.
  public static var epilogues: [OperationCase] {
    OperationCase.list { compare in
      compare(1e-6) { backend in
        let index = backend.rowIndex((0..<50).map { $0 * 7 % 5 })
        return backend.noise([2, 25, 33]).conv1d(
          backend.stored([64, 3, 33], .f32).quantised(), bias: backend.noise([64], seed: 3),
          .same(kernel: 3),
          epilogue: Epilogue(
            .silu, residual: backend.noise([2, 25, 64], seed: 4),
            gate: backend.noise([5, 128], seed: 6).chunk(1, of: 2).picking(rows: index)),
          precision: .int8)
      }
      // One row that is no number spoils its own results and no others.
      compare(1e-6, "not a number") {
        $0.tensor([1, 2, .nan, 3, 4, 5], [3, 2]).linear(
          $0.tensor([1, 2, 3, 4], [2, 2]).quantised(), precision: .int8)
      }
    }
  }

  /// From -127 to 127 with one of 127 or -127 in each row: its factor is 1, and rounding changes nothing.
  private static func wholeNumbers(rows: Int, width: Int, seed: Int) -> [Float] {
    var values = noise(rows * width, seed: seed).map { max(-127, min(127, ($0 * 60).rounded())) }
    for row in 0..<rows { values[row * width + row % width] = row % 2 == 0 ? 127 : -127 }
    return values
  }
}
