import CKernels
import Tensors

extension CPUBackend {
  public func depthwiseConv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D
  ) -> Tensor {
    let rows = geometry.outputLength(x.shape[1], kernel: weight.shape[0])
    return depthwise(
      x, weight, bias, height: 1, width: x.shape[1], outHeight: 1, outWidth: rows,
      kernelHeight: 1, kernelWidth: weight.shape[0], strideY: 1, strideX: geometry.stride,
      dilationX: geometry.dilation, padY: 0, padX: geometry.paddingBefore, .identity,
      shape: [x.shape[0], rows, x.channels])
  }

  public func depthwiseConv2d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution2D, activation: Activation
  ) -> Tensor {
    let rows = max(0, geometry.outputHeight(x.shape[1], kernel: weight.shape[0]))
    let columns = max(0, geometry.outputWidth(x.shape[2], kernel: weight.shape[1]))
    return depthwise(
      x, weight, bias, height: x.shape[1], width: x.shape[2], outHeight: rows, outWidth: columns,
      kernelHeight: weight.shape[0], kernelWidth: weight.shape[1], strideY: geometry.stride,
      strideX: geometry.stride, dilationX: 1, padY: geometry.paddingTop,
      padX: geometry.paddingLeft, activation, shape: [x.shape[0], rows, columns, x.channels])
  }

  private func depthwise(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, height: Int, width: Int, outHeight: Int,
    outWidth: Int, kernelHeight: Int, kernelWidth: Int, strideY: Int, strideX: Int,
    dilationX: Int, padY: Int, padX: Int, _ activation: Activation, shape: Shape
  ) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let (tensor, out) = result(shape)
    let description = FoleyDepthwise(
      x: operands.floats(x), weight: operands.floats(weight), bias: operands.floats(bias),
      out: out, channels: x.channels, height: height, width: width, outHeight: outHeight,
      outWidth: outWidth, kernelHeight: kernelHeight, kernelWidth: kernelWidth, strideY: strideY,
      strideX: strideX, dilationX: dilationX, padY: padY, padX: padX,
      activation: activation.code)
    withUnsafePointer(to: description) { description in
      let depthwise = kernels.pointee.depthwise
      eachRange(of: x.shape[0] * outHeight, width: outWidth * x.channels) { lines in
        for line in lines { depthwise(description, line / outHeight, line % outHeight) }
      }
    }
    return tensor
  }

  public func globalAveragePool(_ x: Tensor) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let (batch, channels) = (x.shape[0], x.channels)
    let (tensor, out) = result([batch, channels])
    let places = x.shape.count / max(1, batch * channels)
    let (from, sumRows) = (operands.floats(x), kernels.pointee.sumRows)
    eachRange(of: batch, width: places * channels) { entries in
      for entry in entries {
        sumRows(
          from + entry * places * channels, out + entry * channels, places, channels,
          1 / Float(places))
      }
    }
    return tensor
  }
}
