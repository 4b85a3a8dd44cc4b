import CCuda
import CUDADevice
import Tensors

extension Activation {
  var code: Int32 {
    switch self {
    case .identity: Int32(FoleyCudaIdentity)
    case .silu: Int32(FoleyCudaSilu)
    case .geluTanh: Int32(FoleyCudaGeluTanh)
    case .geluErf: Int32(FoleyCudaGeluErf)
    case .relu: Int32(FoleyCudaRelu)
    case .relu6: Int32(FoleyCudaRelu6)
    case .tanh: Int32(FoleyCudaTanh)
    case .sigmoid: Int32(FoleyCudaSigmoid)
    case .exp: Int32(FoleyCudaExp)
    }
  }
}

extension CUDABackend {
  public func activate(_ x: Tensor, _ activation: Activation) -> Tensor {
    elementwise(kernels.activate, x, x.shape) { p, _ in p.activation = activation.code }
  }

  public func gatedActivation(_ x: Tensor, _ activation: Activation) -> Tensor {
    elementwise(kernels.gatedActivation, x, x.shape.withChannels(x.channels / 2)) { p, _ in
      p.activation = activation.code
    }
  }

  public func snake(_ x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor {
    elementwise(kernels.snake, x, x.shape) { p, operation in
      p.alpha = operation.floats(alpha)
      p.beta = operation.floats(beta)
    }
  }

  public func gatedResidual(_ residual: Tensor, _ x: Tensor, gate: View) -> Tensor {
    elementwise(kernels.gatedResidual, x, x.shape) { p, operation in
      p.y = operation.view(gate, broadcast: true)
      p.residual = operation.view(residual.view)
    }
  }

  public func combine(_ a: Float, _ x: Tensor, _ b: Float, _ y: View) -> Tensor {
    elementwise(kernels.combine, x, x.shape) { p, operation in
      p.y = operation.view(y, broadcast: true)
      (p.a, p.b) = (a, b)
    }
  }

  public func affine(_ x: Tensor, multiply a: Float, add c: Float) -> Tensor {
    elementwise(kernels.affine, x, x.shape) { p, _ in (p.a, p.b) = (a, c) }
  }

  public func multiply(_ x: Tensor, _ y: View) -> Tensor {
    elementwise(kernels.multiply, x, x.shape) { p, operation in
      p.y = operation.view(y, broadcast: true)
    }
  }

  /// - Parameter others: adds what the kernel wants beside `x`.
  private func elementwise(
    _ kernel: CUDAKernel, _ x: Tensor, _ shape: Shape,
    _ others: (inout FoleyCudaElementwise, Operation) -> Void
  ) -> Tensor {
    let operation = Operation(self)
    var p = FoleyCudaElementwise()
    p.x = operation.view(x.view)
    others(&p, operation)
    let result = operation.result(shape)
    p.out = operation.target(result)
    p.rows = Int64(shape.rows)
    p.columns = Int32(shape.channels)
    operation.launch(kernel, p, foley_cuda_launch_elements(p.rows, Int64(p.columns)))
    return result
  }
}
