import CCuda
import Tensors

extension CUDABackend {
  public func layerNorm(
    _ x: Tensor, weight: Tensor?, bias: Tensor?, epsilon: Float, shift: View?, scale: View?
  ) -> Tensor {
    let operation = Operation(self)
    var p = FoleyCudaNormalization()
    p.x = operation.view(x.view)
    p.weight = operation.floats(weight)
    p.bias = operation.floats(bias)
    p.epsilon = epsilon
    p.shift = operation.view(shift, broadcast: true)
    p.scale = operation.view(scale, broadcast: true)
    let result = operation.result(x.shape)
    p.out = operation.target(result)
    p.rows = Int64(x.rows)
    p.columns = Int32(x.channels)
    operation.launch(kernels.layerNorm, p, foley_cuda_launch_rows(p.rows))
    return result
  }

  public func rmsNormRotary(
    _ x: View, heads: Int, weight: Tensor?, epsilon: Float, rotary: RotaryTable?
  ) -> Tensor {
    let operation = Operation(self)
    var p = FoleyCudaNormalization()
    p.x = operation.view(x)
    p.weight = operation.floats(weight)
    p.epsilon = epsilon
    p.cosines = operation.floats(rotary?.cosines)
    p.sines = operation.floats(rotary?.sines)
    p.positions = Int32(rotary?.cosines.shape[0] ?? 1)
    p.heads = Int32(heads)
    let result = operation.result(
      x.rowIndex == nil ? x.tensor.shape.withChannels(x.channels) : [x.rows, x.channels])
    p.out = operation.target(result)
    p.rows = Int64(x.rows)
    p.columns = Int32(x.channels)
    operation.launch(kernels.rmsNormRotary, p, foley_cuda_launch_heads(p.rows, p.heads))
    return result
  }

  public func softmax(_ x: Tensor) -> Tensor {
    let operation = Operation(self)
    var p = FoleyCudaNormalization()
    p.x = operation.view(x.view)
    let result = operation.result(x.shape)
    p.out = operation.target(result)
    p.rows = Int64(x.rows)
    p.columns = Int32(x.channels)
    operation.launch(kernels.softmax, p, foley_cuda_launch_rows(p.rows))
    return result
  }
}
