import Tensors

private let tolerance: Float = 1e-6

/// Convolutions over time and over pictures.
public enum ConvolutionCases {
  public static var conv1dSame: [OperationCase] {
    OperationCase.list { compare in
      for (batch, length, input, output, kernel) in [
        (1, 1, 3, 5, 3), (2, 50, 24, 33, 3), (1, 300, 16, 16, 7), (2, 37, 100, 64, 5),
        (1, 40, 350, 40, 3), (1, 21, 1024, 20, 3),
      ] {
        compare(tolerance, "\(batch) x \(length) x \(input), kernel \(kernel)") {
          $0.noise([batch, length, input]).conv1d(
            $0.stored([output, kernel, input], .f16), bias: $0.noise([output], seed: 3),
            .same(kernel: kernel))
        }
      }
    }
  }

  public static var conv1dGeometries: [OperationCase] {
    OperationCase.list { compare in
      for geometry in [
        Convolution1D(stride: 2, paddingBefore: 1, paddingAfter: 2),
        Convolution1D(stride: 3, dilation: 2),
        Convolution1D(dilation: 4, paddingBefore: 8, paddingAfter: 0),
        Convolution1D(groups: 4, paddingBefore: 2, paddingAfter: 2),
        Convolution1D(stride: 2, dilation: 2, groups: 2, paddingBefore: 3, paddingAfter: 1),
      ] {
        for length in [1, 9, 60] {
          compare(tolerance, "\(geometry), \(length)") {
            $0.noise([2, length, 24]).conv1d(
              $0.stored([36, 5, 24 / geometry.groups], .f32), bias: $0.noise([36], seed: 3),
              geometry)
          }
        }
      }
    }
  }

  public static func conv1dStoredTypes(_ dtype: DType) -> [OperationCase] {
    OperationCase.list { compare in
      for groups in [1, 2] {
        compare(tolerance) {
          $0.noise([2, 30, 20]).conv1d(
            $0.stored([34, 3, 20 / groups], dtype), .same(kernel: 3, groups: groups),
            epilogue: Epilogue(
              .silu, residual: $0.noise([2, 30, 34], seed: 6),
              gate: $0.noise([60, 34], seed: 7).view))
        }
      }
    }
  }

  /// A snake after everything else, within products of many and of few rows.
  public static var snakeEpilogue: [OperationCase] {
    OperationCase.list { compare in
      for (rows, output) in [(40, 37), (5, 64)] {
        for residual in [false, true] {
          compare(5e-6, "\(rows) rows, \(output) channels, residual \(residual)") { backend in
            let epilogue = Epilogue(
              residual: residual ? backend.noise([rows, output], seed: 6) : nil,
              snake: SnakeParameters(
                alpha: backend.noise([output], seed: 7), beta: backend.noise([output], seed: 8) + 3)
            )
            return concatenatedRows([
              backend.noise([rows, 20]).linear(
                backend.stored([output, 20], .f32), bias: backend.noise([output], seed: 3),
                epilogue: epilogue
              ).view,
              backend.noise([rows, 20]).conv1d(
                backend.stored([output, 3, 20], .f16), .same(kernel: 3), epilogue: epilogue
              ).view,
            ])
          }
        }
      }
      compare(5e-6, "groups") {
        $0.noise([30, 24]).conv1d(
          $0.stored([36, 5, 6], .f32), .same(kernel: 5, groups: 4),
          epilogue: Epilogue(snake: SnakeParameters(alpha: $0.noise([36]))))
      }
    }
  }

  public static var conv1dToOneChannel: [OperationCase] {
    OperationCase.list { compare in
      for (length, input) in [(7, 64), (300, 64), (1000, 3), (6, 5)] {
        compare(tolerance, "\(length) x \(input)") {
          $0.noise([length, input]).conv1d(
            $0.stored([1, 7, input], .bf16), bias: $0.noise([1], seed: 3), Convolution1D(),
            epilogue: Epilogue(.tanh))
        }
      }
      compare(tolerance, "with everything else") {
        $0.noise([2, 40, 8]).conv1d(
          $0.stored([1, 7, 8], .f32), .same(kernel: 7),
          epilogue: Epilogue(.tanh, residual: $0.noise([2, 40, 1], seed: 4)))
      }
    }
  }

  public static var conv1dLikeLinear: [OperationCase] {
    OperationCase.list { compare in
      compare(tolerance) {
        $0.noise([3, 70]).conv1d($0.stored([40, 1, 70], .bf16), Convolution1D())
      }
    }
  }

  public static func convTranspose1d(_ dtype: DType) -> [OperationCase] {
    OperationCase.list { compare in
      for (kernel, geometry) in [
        (4, TransposedConvolution1D(stride: 2, padding: 1)),
        (16, TransposedConvolution1D(stride: 8, padding: 4)),
        (7, TransposedConvolution1D(stride: 3, padding: 2, outputPadding: 1)),
        (3, TransposedConvolution1D(stride: 1, padding: 1)),
        (2, TransposedConvolution1D(stride: 5)),
        (5, TransposedConvolution1D(stride: 2, padding: 5)),
      ] {
        for length in [1, 6, 40] {
          compare(tolerance, "kernel \(kernel), \(geometry), \(length)") {
            $0.noise([2, length, 19]).convTranspose1d(
              $0.stored([kernel, 35, 19], dtype), bias: $0.noise([35], seed: 3), geometry)
          }
        }
      }
    }
  }

  public static var depthwiseConv1d: [OperationCase] {
    OperationCase.list { compare in
      for channels in [1, 16, 37, 64] {
        for geometry in [
          Convolution1D.same(kernel: 7), Convolution1D(stride: 2, paddingBefore: 9),
          Convolution1D(dilation: 3, paddingBefore: 4, paddingAfter: 20),
        ] {
          compare(tolerance, "\(channels) \(geometry)") {
            $0.noise([2, 45, channels]).depthwiseConv1d(
              $0.stored([7, channels], .f16), bias: $0.noise([channels], seed: 3), geometry)
          }
        }
      }
    }
  }

  public static var conv2d: [OperationCase] {
    OperationCase.list { compare in
      for (input, output, kernel, geometry) in [
        (3, 32, 3, Convolution2D(stride: 2, paddingBottom: 1, paddingRight: 1)),
        (16, 24, 1, Convolution2D()),
        (17, 40, 1, Convolution2D(stride: 2)),
        (5, 7, 1, Convolution2D(padding: 1)),
        (8, 33, 3, Convolution2D(padding: 1)),
        (3, 20, 4, Convolution2D(stride: 4)),
        (70, 10, 5, Convolution2D(stride: 1, paddingTop: 2, paddingLeft: 1)),
      ] {
        compare(tolerance, "\(input) to \(output), kernel \(kernel), \(geometry)") {
          $0.noise([2, 13, 18, input]).conv2d(
            $0.stored([output, kernel, kernel, input], .f16), bias: $0.noise([output], seed: 3),
            geometry, activation: .relu6)
        }
      }
    }
  }

  public static var depthwiseConv2d: [OperationCase] {
    OperationCase.list { compare in
      for kernel in [3, 5] {
        for geometry in [
          Convolution2D(padding: kernel / 2),
          Convolution2D(
            stride: 2, paddingTop: 1, paddingLeft: 1, paddingBottom: 2, paddingRight: 2),
          Convolution2D(stride: 2, paddingBottom: 1, paddingRight: 1),
        ] {
          for channels in [3, 32, 50] {
            compare(tolerance, "\(kernel) \(geometry) \(channels)") {
              $0.noise([2, 11, 14, channels]).depthwiseConv2d(
                $0.stored([kernel, kernel, channels], .f16), bias: $0.noise([channels], seed: 3),
                geometry, activation: .relu6)
            }
          }
        }
      }
    }
  }

  public static var pooling: [OperationCase] {
    OperationCase.list { compare in
      for shape in [[2, 7, 7, 100], [1, 300, 5], [3, 1, 1, 33]] as [Shape] {
        compare(tolerance) { $0.noise(shape).globalAveragePool() }
      }
    }
  }

  public static var emptyBatches: [OperationCase] {
    OperationCase.list { compare in
      compare(0) { $0.noise([0, 9, 8]).conv1d($0.noise([8, 3, 8]), .same(kernel: 3)) }
      compare(0) { $0.noise([0, 9, 8]).depthwiseConv1d($0.noise([3, 8]), .same(kernel: 3)) }
      compare(0) {
        $0.noise([0, 9, 9, 8]).conv2d($0.noise([8, 3, 3, 8]), Convolution2D(padding: 1))
      }
      compare(0) {
        $0.noise([0, 9, 9, 8]).depthwiseConv2d($0.noise([3, 3, 8]), Convolution2D(padding: 1))
      }
      compare(0) {
        $0.noise([0, 9, 8]).convTranspose1d(
          $0.noise([4, 8, 8]), TransposedConvolution1D(stride: 2))
      }
      compare(0) { $0.noise([0, 9, 8]).globalAveragePool() }
      compare(0, "shorter than the kernel") {
        $0.noise([2, 2, 8]).conv1d($0.noise([8, 5, 8]), Convolution1D())
      }
    }
  }
}
