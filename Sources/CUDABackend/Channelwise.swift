import CCuda
import CUDADevice
import Tensors

extension CUDABackend {
  public func depthwiseConv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D
  ) -> Tensor {
    var p = FoleyCudaConvolution()
    (p.height, p.width) = (1, Int32(x.shape[1]))
    (p.kernelHeight, p.kernelWidth) = (1, Int32(weight.shape[0]))
    (p.strideY, p.strideX) = (1, Int32(geometry.stride))
    p.dilationX = Int32(geometry.dilation)
    p.padX = Int32(geometry.paddingBefore)
    let rows = geometry.outputLength(x.shape[1], kernel: weight.shape[0])
    (p.outHeight, p.outWidth) = (1, Int32(rows))
    return convolve(kernels.depthwise, p, x, weight, bias, [x.shape[0], rows, x.channels])
  }

  public func depthwiseConv2d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution2D, activation: Activation
  ) -> Tensor {
    var p = FoleyCudaConvolution()
    (p.height, p.width) = (Int32(x.shape[1]), Int32(x.shape[2]))
    (p.kernelHeight, p.kernelWidth) = (Int32(weight.shape[0]), Int32(weight.shape[1]))
    (p.strideY, p.strideX) = (Int32(geometry.stride), Int32(geometry.stride))
    p.dilationX = 1
    (p.padY, p.padX) = (Int32(geometry.paddingTop), Int32(geometry.paddingLeft))
    p.activation = activation.code
    let rows = max(0, geometry.outputHeight(x.shape[1], kernel: weight.shape[0]))
    let columns = max(0, geometry.outputWidth(x.shape[2], kernel: weight.shape[1]))
    (p.outHeight, p.outWidth) = (Int32(rows), Int32(columns))
    return convolve(
      kernels.depthwise, p, x, weight, bias, [x.shape[0], rows, columns, x.channels])
  }

  /// `conv1d` in groups of channels. What its kernel does not do of an epilogue is done by others.
  func groupedConv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D, epilogue: Epilogue
  ) -> Tensor {
    var p = FoleyCudaConvolution()
    p.groups = Int32(geometry.groups)
    (p.height, p.width) = (1, Int32(x.shape[1]))
    (p.kernelHeight, p.kernelWidth) = (1, Int32(weight.shape[1]))
    (p.strideY, p.strideX) = (1, Int32(geometry.stride))
    p.dilationX = Int32(geometry.dilation)
    p.padX = Int32(geometry.paddingBefore)
    p.activation = epilogue.activation.code
    let rows = geometry.outputLength(x.shape[1], kernel: weight.shape[1])
    (p.outHeight, p.outWidth) = (1, Int32(rows))
    var y = convolve(
      kernels.grouped, p, x, weight, bias, [x.shape[0], rows, weight.shape[0]])
    if let residual = epilogue.residual {
      let residual = residual.reshaped(y.shape)
      y =
        epilogue.gate.map { gatedResidual(residual, y, gate: $0) }
        ?? combine(1, y, 1, residual.view)
    }
    return epilogue.snake.map { snake(y, alpha: $0.alpha, beta: $0.beta) } ?? y
  }

  /// - Parameter geometry: all but operands and channels.
  private func convolve(
    _ kernel: CUDAKernel, _ geometry: FoleyCudaConvolution, _ x: Tensor, _ weight: Tensor,
    _ bias: Tensor?, _ shape: Shape
  ) -> Tensor {
    let operation = Operation(self)
    var p = geometry
    // Whatever x is stored as, it is f32 in every network.
    p.x = UnsafeRawPointer(operation.floats(x))
    p.storage = Int32(FoleyCudaF32)
    p.weight = operation.floats(weight)
    p.bias = operation.floats(bias)
    p.batch = Int32(x.shape[0])
    p.channels = Int32(x.channels)
    p.columns = Int32(shape.channels)
    let result = operation.result(shape)
    p.out = operation.target(result)
    operation.launch(
      kernel, p, foley_cuda_launch_elements(Int64(shape.rows), Int64(shape.channels)))
    return result
  }

  public func globalAveragePool(_ x: Tensor) -> Tensor {
    let operation = Operation(self)
    var p = FoleyCudaConvolution()
    p.x = UnsafeRawPointer(operation.floats(x))
    p.storage = Int32(FoleyCudaF32)
    p.batch = Int32(x.shape[0])
    p.channels = Int32(x.channels)
    p.width = Int32(x.shape.count / max(1, x.shape[0] * x.channels))
    let result = operation.result([x.shape[0], x.channels])
    p.out = operation.target(result)
    operation.launch(
      kernels.average, p, foley_cuda_launch_average(Int64(p.batch), Int64(p.channels)))
    return result
  }
}
