import Tensors

private let tolerance: Float = 1e-6

/// Widths below, at and between multiples of every level's vectors.
private let widths = [1, 4, 7, 16, 31, 64, 100, 257]

/// What goes over rows and elements.
public enum RowCases {
  public static var layerNorm: [OperationCase] {
    OperationCase.list { compare in
      for width in widths {
        for rows in [1, 3, 700] where rows * width < 70_000 {
          compare(tolerance, "\(rows) x \(width)") {
            ($0.noise([rows, width]) + 3).layerNorm(
              weight: $0.noise([width], seed: 2), bias: $0.noise([width], seed: 3), epsilon: 1e-5)
          }
        }
      }
    }
  }

  public static var layerNormWithModulation: [OperationCase] {
    OperationCase.list { compare in
      compare(tolerance, "one row for all") {
        let modulation = $0.noise([1, 6 * 40], seed: 5)
        return $0.noise([2, 300, 40]).layerNorm(
          epsilon: 1e-6, shift: modulation.chunk(0, of: 6), scale: modulation.chunk(1, of: 6))
      }
      compare(tolerance, "picked rows") { backend in
        let modulation = backend.noise([2, 6 * 40], seed: 5)
        let index = backend.rowIndex((0..<600).map { $0 / 300 })
        return backend.noise([2, 300, 40]).layerNorm(
          weight: backend.stored([40], .f16), epsilon: 1e-6,
          shift: modulation.chunk(3, of: 6).picking(rows: index),
          scale: modulation.chunk(4, of: 6).picking(rows: index))
      }
    }
  }

  public static var layerNormFarFromZero: [OperationCase] {
    OperationCase.list { compare in
      // The mean is a thousand times the spread; a variance by squares of x would have no digits left.
      compare(1e-4) { ($0.noise([5, 256]) + 1000).layerNorm(epsilon: 1e-6) }
    }
  }

  public static var rmsNormRotary: [OperationCase] {
    OperationCase.list { compare in
      for depth in [2, 6, 32, 64, 80, 128] {
        compare(tolerance, "depth \(depth), rotated") {
          let packed = $0.noise([2, 30, 3 * 2 * depth])
          let table = RotaryTable(
            cosines: $0.noise([30, depth / 2], seed: 6), sines: $0.noise([30, depth / 2], seed: 7))
          return packed.chunk(1, of: 3).rmsNormRotary(
            heads: 2, weight: $0.noise([depth], seed: 4), epsilon: 1e-6, rotary: table)
        }
        compare(tolerance, "depth \(depth)") {
          $0.noise([50, depth]).view.rmsNormRotary(heads: 1, weight: nil, epsilon: 1e-6)
        }
      }
      compare(tolerance, "an odd depth, picked rows") { backend in
        backend.noise([20, 15]).view.picking(rows: backend.rowIndex([3, 19, 3, 0])).rmsNormRotary(
          heads: 3, weight: nil, epsilon: 1e-6)
      }
    }
  }

  public static var softmax: [OperationCase] {
    OperationCase.list { compare in
      for width in widths {
        compare(tolerance, "\(width)") { ($0.noise([9, width]) * 4).softmax() }
      }
      compare(tolerance, "large") { ($0.noise([9, 50]) * 300).softmax() }
    }
  }

  public static var combinations: [OperationCase] {
    OperationCase.list { compare in
      for width in widths {
        compare(tolerance, "\(width)") {
          let (x, y) = ($0.noise([3, 20, width]), $0.noise([3, 20, width], seed: 2))
          let one = $0.noise([1, width], seed: 3)
          let sum = x.combined(0.3, with: y.view, -1.7) + one.view
          return sum.multiplied(by: one.view).multiplied(by: y.view).adding(x, gate: one.view)
            * 0.25
            + 1.5
        }
      }
      compare(tolerance, "picked rows, many blocks") { backend in
        let index = backend.rowIndex((0..<900).map { $0 % 4 })
        let four = backend.noise([4, 300], seed: 3).chunk(1, of: 2).picking(rows: index)
        let x = backend.noise([900, 150])
        return x.combined(2, with: four, 3).multiplied(by: four).adding(x, gate: four)
      }
    }
  }

  public static var snake: [OperationCase] {
    OperationCase.list { compare in
      for width in widths {
        compare(2e-6, "\(width)") {
          let beta = $0.noise([width], seed: 3)
          return ($0.noise([40, width]) * 5).snake(
            alpha: $0.noise([width], seed: 2), beta: (beta * beta.view.tensor) + 0.3)
        }
      }
    }
  }

  public static func activations(_ activation: Activation) -> [OperationCase] {
    OperationCase.list { compare in
      for width in widths {
        compare(tolerance, "\(width)") { ($0.noise([30, width]) * 3).activated(activation) }
        compare(tolerance, "gated \(width)") { ($0.noise([30, 2 * width]) * 3).gated(activation) }
      }
    }
  }

  public static var gatherOfEveryType: [OperationCase] {
    OperationCase.list { compare in
      for dtype in [DType.f32, .f16, .bf16, .i8] {
        compare(0, "\(dtype)") { backend in
          let table = backend.stored([50, 37], dtype)
          return table.columns(3..<36).picking(rows: backend.rowIndex([4, 49, 0, 4, 17])).copied()
        }
        compare(0, "\(dtype)") { $0.stored([3, 7, 21], dtype).view.copied() }
      }
      for host in [
        HostTensor(copying: [1, -2, 3, 4, 5, 6] as [Int32], shape: [3, 2], dtype: .i32),
        HostTensor(copying: [1, 2, 3, 4, 5, 250] as [UInt8], shape: [3, 2], dtype: .u8),
        HostTensor(copying: [1, 2, 3, 4, 5, 0.1] as [Double], shape: [3, 2], dtype: .f64),
      ] {
        compare(0) { $0.upload(host).view.picking(rows: $0.rowIndex([2, 0])).copied() }
        compare(0) { $0.upload(host) }
      }
    }
  }

  public static var concatenation: [OperationCase] {
    OperationCase.list { compare in
      compare(0) { backend in
        concatenatedRows([
          backend.noise([2, 7, 33]).view, backend.noise([2, 0, 33]).view,
          backend.noise([2, 400, 99], seed: 2).chunk(1, of: 3),
        ])
      }
      compare(0) { backend in
        concatenatedRows([
          backend.noise([4, 9]).view.picking(rows: backend.rowIndex([1, 1, 3])),
          backend.noise([2, 9]).view,
        ])
      }
      compare(0) { backend in
        concatenatedColumns([
          backend.noise([2, 30, 5]).view, backend.noise([2, 30, 40], seed: 2).columns(3..<20),
          backend.noise([3, 8]).view.picking(rows: backend.rowIndex((0..<60).map { $0 % 3 })),
        ])
      }
    }
  }

  public static var transposition: [OperationCase] {
    OperationCase.list { compare in
      for shape in [[1, 1, 1], [2, 17, 33], [1, 64, 48], [3, 5, 300], [1, 500, 100]] as [Shape] {
        compare(0, "\(shape)") { $0.noise(shape).transposed() }
      }
    }
  }

  public static var emptyRows: [OperationCase] {
    OperationCase.list { compare in
      compare(0) { $0.noise([0, 8]).layerNorm(weight: $0.noise([8]), epsilon: 1e-5) }
      compare(0) { $0.noise([0, 8]).view.rmsNormRotary(heads: 2, weight: nil, epsilon: 1e-5) }
      compare(0) { $0.noise([0, 8]).softmax() }
      compare(0) { $0.noise([3, 0]).softmax() }
      compare(0) { $0.noise([0, 8]).silu() }
      compare(0) { $0.noise([0, 8]).gated() }
      compare(0) { $0.noise([0, 8]).snake(alpha: $0.noise([8])) }
      compare(0) { $0.noise([0, 8]) + $0.noise([1, 8]) }
      compare(0) { $0.noise([0, 8]).adding($0.noise([0, 8]), gate: $0.noise([1, 8]).view) }
      compare(0) { $0.noise([0, 8]) * $0.noise([0, 8]) }
      compare(0) { $0.noise([0, 8]) * 2 }
      compare(0) { $0.noise([5, 8]).view.picking(rows: $0.rowIndex([])).copied() }
      compare(0) { $0.noise([2, 0, 8]).transposed() }
      compare(0) { $0.noise([2, 8, 0]).transposed() }
    }
  }
}
