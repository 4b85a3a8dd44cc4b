import CCuda
import CUDADevice

/// The kernels this backend launches, found once.
struct Kernels: Sendable {
  /// Tiles of a product in one kind of numbers.
  struct Products: Sendable {
    let large: CUDAKernel
    let small: CUDAKernel
    /// For operands that are not of whole, aligned 16 bytes.
    let guarded: CUDAKernel

    init(_ module: CUDAModule, _ numbers: String, large: String) throws(CUDAError) {
      self.large = try module.kernel("foley_product_\(numbers)_\(large)")
      small = try module.kernel("foley_product_\(numbers)_64x64")
      guarded = try module.kernel("foley_product_\(numbers)_guarded")
    }
  }

  let bf16: Products
  let float: Products
  let fewRows: CUDAKernel
  let finish: CUDAKernel

  let roundRows: CUDAKernel
  let finishIntegers: CUDAKernel

  let attention32: CUDAKernel
  let attention64: CUDAKernel
  let attention128: CUDAKernel
  let plainAttention: CUDAKernel

  let layerNorm: CUDAKernel
  let rmsNormRotary: CUDAKernel
  let softmax: CUDAKernel

  let activate: CUDAKernel
  let gatedActivation: CUDAKernel
  let snake: CUDAKernel
  let gatedResidual: CUDAKernel
  let combine: CUDAKernel
  let affine: CUDAKernel
  let multiply: CUDAKernel

  let depthwise: CUDAKernel
  let grouped: CUDAKernel
  let average: CUDAKernel

  let gather: CUDAKernel
  let transpose: CUDAKernel

  init(_ module: CUDAModule) throws(CUDAError) {
    func kernel(_ name: String) throws(CUDAError) -> CUDAKernel {
      try module.kernel("foley_" + name)
    }
    bf16 = try Products(module, "bf16", large: "128x128")
    float = try Products(module, "f32", large: "128x64")
    fewRows = try kernel("product_bf16_few_rows")
    finish = try kernel("product_finish")
    roundRows = try kernel("round_rows")
    finishIntegers = try kernel("finish_integers")
    attention32 = try kernel("attention_32")
    attention64 = try kernel("attention_64")
    attention128 = try kernel("attention_128")
    plainAttention = try kernel("attention_plain")
    layerNorm = try kernel("layer_norm")
    rmsNormRotary = try kernel("rms_norm_rotary")
    softmax = try kernel("softmax")
    activate = try kernel("activate")
    gatedActivation = try kernel("gated_activation")
    snake = try kernel("snake")
    gatedResidual = try kernel("gated_residual")
    combine = try kernel("combine")
    affine = try kernel("affine")
    multiply = try kernel("multiply")
    depthwise = try kernel("depthwise")
    grouped = try kernel("grouped")
    average = try kernel("average")
    gather = try kernel("gather")
    transpose = try kernel("transpose")
  }
}
