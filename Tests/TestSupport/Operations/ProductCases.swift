import Tensors

// Sums run in f32: a depth of a thousand loses about three digits of the last place.
private let tolerance: Float = 1e-6

/// Products of matrices, and attention.
public enum ProductCases {
  public static func linearOfRowCounts(_ rows: Int) -> [OperationCase] {
    OperationCase.list { compare in
      for (input, output) in [(1, 1), (3, 2), (16, 31), (17, 33), (64, 64), (257, 100), (300, 7)] {
        compare(tolerance, "\(rows) x \(input) x \(output)") {
          $0.noise([rows, input]).linear($0.stored([output, input], .f32))
        }
      }
    }
  }

  public static var deepAndWide: [OperationCase] {
    OperationCase.list { compare in
      // Several blocks of depth, rows that conflict in the cache, several blocks of rows and columns.
      for (rows, input, output) in [
        (20, 1024, 40), (20, 2048, 33), (3, 1100, 70), (820, 40, 36), (150, 70, 300),
      ] {
        compare(tolerance, "\(rows) x \(input) x \(output)") {
          $0.noise([rows, input]).linear(
            $0.stored([output, input], .f32), bias: $0.noise([output], seed: 5))
        }
      }
    }
  }

  public static func storedTypes(_ dtype: DType) -> [OperationCase] {
    OperationCase.list { compare in
      for rows in [1, 3, 7, 40] {
        for (input, output) in [(64, 64), (300, 45), (33, 5), (7, 130)] {
          compare(tolerance, "\(rows) x \(input) x \(output) \(dtype)") {
            $0.noise([rows, input]).linear($0.stored([output, input], dtype))
          }
        }
      }
    }
  }

  public static var weightsAtOddAddresses: [OperationCase] {
    OperationCase.list { compare in
      // Files promise no alignment: bytes that start one past a multiple of the element's size.
      for dtype in [DType.f32, .f16, .bf16] {
        let host = storedHost([40, 50], dtype)
        let memory = HostMemory(size: host.bytes.count + 1)
        (memory.bytes.baseAddress! + 1).copyMemory(
          from: host.bytes.baseAddress!, byteCount: host.bytes.count)
        let shifted = HostTensor(
          shape: host.shape, dtype: dtype,
          bytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory.bytes)[1...]),
          owner: memory)
        for rows in [2, 20] {
          compare(tolerance, "\(dtype)") { $0.noise([rows, 50]).linear($0.upload(shifted)) }
        }
      }
    }
  }

  public static func activationInTheEpilogue(_ activation: Activation) -> [OperationCase] {
    OperationCase.list { compare in
      // e^x turns an absolute error of its argument, here up to 20, into a relative one.
      let tolerance = activation == .exp ? 3e-6 : tolerance
      for rows in [3, 30] {
        compare(tolerance, "\(rows)") {
          $0.noise([rows, 24]).linear(
            $0.stored([41, 24], .f32), bias: $0.noise([41], seed: 3),
            epilogue: Epilogue(activation))
        }
      }
    }
  }

  public static var residualAndGate: [OperationCase] {
    OperationCase.list { compare in
      for (rows, output) in [(4, 33), (50, 33), (50, 64)] {
        compare(tolerance, "residual") {
          $0.noise([2, rows, 24]).linear(
            $0.stored([output, 24], .f32),
            epilogue: Epilogue(.silu, residual: $0.noise([2, rows, output], seed: 4)))
        }
        compare(tolerance, "one gate") {
          $0.noise([2, rows, 24]).linear(
            $0.stored([output, 24], .f32), bias: $0.noise([output], seed: 3),
            epilogue: Epilogue(
              residual: $0.noise([2, rows, output], seed: 4),
              gate: $0.noise([1, 3 * output], seed: 6).chunk(1, of: 3)))
        }
        compare(tolerance, "a gate for each row") {
          $0.noise([2, rows, 24]).linear(
            $0.stored([output, 24], .f32),
            epilogue: Epilogue(
              residual: $0.noise([2, rows, output], seed: 4),
              gate: $0.noise([2 * rows, output], seed: 6).view))
        }
        compare(tolerance, "picked gates") { backend in
          let index = backend.rowIndex((0..<2 * rows).map { $0 * 7 % 5 })
          return backend.noise([2, rows, 24]).linear(
            backend.stored([output, 24], .f32),
            epilogue: Epilogue(
              residual: backend.noise([2, rows, output], seed: 4),
              gate: backend.noise([5, 2 * output], seed: 6).chunk(1, of: 2).picking(rows: index)))
        }
        compare(tolerance, "one picked gate") { backend in
          backend.noise([2, rows, 24]).linear(
            backend.stored([output, 24], .f32),
            epilogue: Epilogue(
              residual: backend.noise([2, rows, output], seed: 4),
              gate: backend.noise([5, output], seed: 6).view.picking(rows: backend.rowIndex([3]))))
        }
      }
    }
  }

  public static var emptyOperands: [OperationCase] {
    OperationCase.list { compare in
      compare(0) { $0.noise([0, 24]).linear($0.stored([33, 24], .f16)) }
      compare(0) { $0.noise([5, 24]).linear($0.stored([0, 24], .f32)) }
      compare(0, "nothing to sum: the bias") {
        $0.noise([5, 0]).linear($0.stored([40, 0], .f32), bias: $0.noise([40]))
      }
      compare(0, "nothing to sum: the bias") {
        $0.noise([50, 0]).linear($0.stored([40, 0], .f32), bias: $0.noise([40]))
      }
      compare(0) { $0.noise([2, 0, 24]).conv1d($0.noise([8, 3, 24]), Convolution1D()) }
    }
  }

  public static var attention: [OperationCase] {
    OperationCase.list { compare in
      for depth in [32, 64, 128, 40, 7] {
        for (queries, keys) in [(1, 1), (5, 17), (33, 64), (70, 131)] {
          compare(2e-6, "depth \(depth), \(queries) x \(keys)") {
            let width = 2 * depth
            return $0.noise([2, queries, width]).view.attend(
              keys: $0.noise([2, keys, width], seed: 8).view,
              values: $0.noise([2, keys, width], seed: 9).view, heads: 2)
          }
        }
      }
    }
  }

  public static var attentionOverPackedProjections: [OperationCase] {
    OperationCase.list { compare in
      compare(2e-6) {
        let packed = $0.noise([2, 50, 3 * 96])
        return packed.chunk(0, of: 3).attend(
          keys: packed.chunk(1, of: 3), values: packed.chunk(2, of: 3), heads: 3, scale: 0.3,
          keyLengths: [50, 23])
      }
      compare(2e-6, "rank 2, and rows a power of two apart") {
        let packed = $0.noise([40, 3 * 1024])
        return packed.chunk(0, of: 3).attend(
          keys: packed.chunk(1, of: 3), values: packed.chunk(2, of: 3), heads: 16)
      }
    }
  }

  public static var attentionWithoutKeys: [OperationCase] {
    OperationCase.list { compare in
      compare(2e-6) {
        $0.noise([3, 20, 64]).view.attend(
          keys: $0.noise([3, 40, 64], seed: 8).view, values: $0.noise([3, 40, 64], seed: 9).view,
          heads: 1, keyLengths: [0, 40, 1])
      }
      compare(0) {
        $0.noise([1, 4, 64]).view.attend(
          keys: $0.noise([1, 0, 64]).view, values: $0.noise([1, 0, 64]).view, heads: 2)
      }
      compare(0) {
        $0.noise([1, 0, 64]).view.attend(
          keys: $0.noise([1, 3, 64]).view, values: $0.noise([1, 3, 64]).view, heads: 2)
      }
    }
  }

  /// Where queries, keys and values come from a product whose weight is stored in bf16.
  public static var attentionInBF16: [OperationCase] {
    OperationCase.list { compare in
      for depth in [32, 64, 128, 40] {
        compare(2e-6, "depth \(depth)") {
          let packed = $0.noise([2, 70, 24]).linear($0.stored([6 * depth, 24], .bf16)) * 0.2
          return packed.chunk(0, of: 3).attend(
            keys: packed.chunk(1, of: 3), values: packed.chunk(2, of: 3), heads: 2,
            keyLengths: [70, 23])
        }
      }
    }
  }

  public static var attentionWithLargeScores: [OperationCase] {
    OperationCase.list { compare in
      // A softmax that does not subtract the largest score would overflow. Scores of thousands have an
      // absolute error of 1e-4, which becomes the relative error of a weight.
      compare(1e-4) {
        ($0.noise([1, 9, 32]) * 40).view.attend(
          keys: ($0.noise([1, 50, 32], seed: 8) * 40).view,
          values: $0.noise([1, 50, 32], seed: 9).view, heads: 1)
      }
    }
  }
}
