import CKernels
import Tensors

extension CPUBackend {
  public func layerNorm(
    _ x: Tensor, weight: Tensor?, bias: Tensor?, epsilon: Float, shift: View?, scale: View?
  ) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let width = x.channels
    let (tensor, out) = result(x.shape)
    let (from, weights, biases) = (
      operands.floats(x), operands.floats(weight), operands.floats(bias)
    )
    let (shifts, scales) = (operands.broadcast(shift), operands.broadcast(scale))
    let layerNorm = kernels.pointee.layerNorm
    eachRange(of: x.rows, width: width) { range in
      layerNorm(
        from, out, width, weights, biases, epsilon, shifts, scales, range.lowerBound,
        range.upperBound)
    }
    return tensor
  }

  public func rmsNormRotary(
    _ x: View, heads: Int, weight: Tensor?, epsilon: Float, rotary: RotaryTable?
  ) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let width = x.channels
    let (tensor, out) = result(
      x.rowIndex == nil ? x.tensor.shape.withChannels(width) : [x.rows, width])
    let (from, weights) = (operands.rows(x), operands.floats(weight))
    let (cosines, sines) = (operands.floats(rotary?.cosines), operands.floats(rotary?.sines))
    let positions = rotary?.cosines.shape[0] ?? 1
    let rmsNormRotary = kernels.pointee.rmsNormRotary
    eachRange(of: x.rows, width: width) { range in
      rmsNormRotary(
        from, out, heads, width / heads, weights, epsilon, cosines, sines, positions,
        range.lowerBound, range.upperBound)
    }
    return tensor
  }

  public func softmax(_ x: Tensor) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let width = x.channels
    let (tensor, out) = result(x.shape)
    let (from, softmax) = (operands.floats(x), kernels.pointee.softmax)
    eachRange(of: x.rows, width: width) { range in
      softmax(from, out, width, range.lowerBound, range.upperBound)
    }
    return tensor
  }
}
