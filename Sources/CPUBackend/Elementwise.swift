import CKernels
import Tensors

extension Activation {
  var code: FoleyActivation {
    switch self {
    case .identity: FoleyIdentity
    case .silu: FoleySilu
    case .geluTanh: FoleyGeluTanh
    case .geluErf: FoleyGeluErf
    case .relu: FoleyRelu
    case .relu6: FoleyRelu6
    case .tanh: FoleyTanh
    case .sigmoid: FoleySigmoid
    case .exp: FoleyExp
    }
  }
}

extension CPUBackend {
  public func activate(_ x: Tensor, _ activation: Activation) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let (tensor, out) = result(x.shape)
    let (from, code, activate) = (operands.floats(x), activation.code, kernels.pointee.activate)
    eachRange(of: x.shape.count, width: 1) { range in
      activate(from + range.lowerBound, out + range.lowerBound, code, range.count)
    }
    return tensor
  }

  public func gatedActivation(_ x: Tensor, _ activation: Activation) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let width = x.channels / 2
    let (tensor, out) = result(x.shape.withChannels(width))
    let (from, code, gated) = (operands.floats(x), activation.code, kernels.pointee.gatedActivation)
    eachRange(of: x.rows, width: width) { range in
      gated(from, out, code, width, range.lowerBound, range.upperBound)
    }
    return tensor
  }

  public func snake(_ x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let width = x.channels
    let (tensor, out) = result(x.shape)
    let parameters = operands.snake(SnakeParameters(alpha: alpha, beta: beta))
    let (from, snake) = (operands.floats(x), kernels.pointee.snake)
    eachRange(of: x.rows, width: width) { range in
      snake(
        from, out, parameters.alpha!, parameters.factor!, width, range.lowerBound, range.upperBound)
    }
    return tensor
  }

  public func gatedResidual(_ residual: Tensor, _ x: Tensor, gate: View) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let width = x.channels
    let (tensor, out) = result(x.shape)
    let (base, from, gates) = (
      operands.floats(residual), operands.floats(x), operands.broadcast(gate)
    )
    let kernel = kernels.pointee.gatedResidual
    eachRange(of: x.rows, width: width) { range in
      kernel(base, from, gates, out, width, range.lowerBound, range.upperBound)
    }
    return tensor
  }

  public func combine(_ a: Float, _ x: Tensor, _ b: Float, _ y: View) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let width = x.channels
    let (tensor, out) = result(x.shape)
    let (from, other, combine) = (
      operands.floats(x), operands.broadcast(y), kernels.pointee.combine
    )
    eachRange(of: x.rows, width: width) { range in
      combine(a, from, b, other, out, width, range.lowerBound, range.upperBound)
    }
    return tensor
  }

  public func affine(_ x: Tensor, multiply a: Float, add c: Float) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let (tensor, out) = result(x.shape)
    let (from, affine) = (operands.floats(x), kernels.pointee.affine)
    eachRange(of: x.shape.count, width: 1) { range in
      affine(from + range.lowerBound, out + range.lowerBound, a, c, range.count)
    }
    return tensor
  }

  public func multiply(_ x: Tensor, _ y: View) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let width = x.channels
    let (tensor, out) = result(x.shape)
    let (from, other, multiply) = (
      operands.floats(x), operands.broadcast(y), kernels.pointee.multiply
    )
    eachRange(of: x.rows, width: width) { range in
      multiply(from, other, out, width, range.lowerBound, range.upperBound)
    }
    return tensor
  }
}
