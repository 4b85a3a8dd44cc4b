import CCuda
import CUDADevice
import Tensors

// Whole numbers of at most 127 are exact in bf16, and so are sums of as many of their products as stay below
// 2^24. So these products run on the bf16 kernels, in parts of the depth that are short enough; the sums are those
// of integers. The matrix units' own instructions for bytes would be twice as fast, and are not used yet.

extension CUDABackend {
  public func quantise(_ weight: Tensor) -> Tensor {
    let operation = Operation(self)
    let rows = weight.shape[0]
    let matrix = weight.reshaped([rows, weight.shape.count / max(1, rows)])
    let (result, factors) = (
      operation.result(weight.shape, .i8, use: .lasting), operation.result([rows], use: .lasting)
    )
    let out = FoleyCudaTarget(
      base: operation.target(result).base, stride: Int64(matrix.channels),
      storage: Int32(FoleyCudaI8))
    round(matrix, into: out, operation.target(factors).base, operation)
    return Tensor(buffer: result.buffer, shape: weight.shape, dtype: .i8, scale: factors)
  }

  public func integerLinear(
    _ x: Tensor, weight: Tensor, bias: Tensor?, epilogue: Epilogue
  ) -> Tensor {
    integerProduct(
      x.reshaped([1, x.rows, x.channels]), weight, kernel: 1, bias, Convolution1D(), epilogue,
      shape: x.shape.withChannels(weight.shape[0]))
  }

  public func integerConv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D, epilogue: Epilogue
  ) -> Tensor {
    let length = geometry.outputLength(x.shape[1], kernel: weight.shape[1])
    return integerProduct(
      x, weight, kernel: weight.shape[1], bias, geometry, epilogue,
      shape: [x.shape[0], length, weight.shape[0]])
  }

  /// - Parameter x: [B, T, in].
  private func integerProduct(
    _ x: Tensor, _ weight: Tensor, kernel: Int, _ bias: Tensor?, _ geometry: Convolution1D,
    _ epilogue: Epilogue, shape: Shape
  ) -> Tensor {
    let operation = Operation(self)
    let (rows, columns, depth) = (shape.rows, shape.channels, x.channels)
    var end = operation.epilogue(epilogue, bias: bias, columns: columns)
    // The left operand, and the weight without its factors.
    let integers = operation.scratch(x.shape.count * DType.bf16.size)
    let factors = operation.scratch(x.rows * DType.f32.size)
    let out = FoleyCudaTarget(
      base: integers, stride: Int64(depth), storage: Int32(FoleyCudaBF16))
    round(x, into: out, factors, operation)
    let stored = operation.halves(
      Tensor(
        buffer: weight.buffer, offset: weight.offset, shape: [columns, kernel * depth], dtype: .i8
      ).view)
    let weightFactors = operation.floats(weight.scale!.tensor)
    let result = operation.result(shape)
    guard rows > 0, columns > 0 else { return result }
    end.out = operation.target(result)

    var sums = FoleyCudaIntegerSums()
    sums.taps = Int32(depth == 0 ? 0 : kernel)
    sums.parts = Int32((depth + FoleyCudaExactDepth - 1) / FoleyCudaExactDepth)
    let sumsOfPart = rows * columns
    let partial = operation.scratch(
      Int(sums.taps * sums.parts) * sumsOfPart * DType.f32.size
    ).assumingMemoryBound(to: Float.self)
    var places = Places(x.shape, kernel: 1, geometry)
    places.outWidth = rows / max(1, places.batch)
    for tap in 0..<Int(sums.taps) {
      // One tap, wherever it looks.
      places.padX = geometry.paddingBefore - tap * geometry.dilation
      var p = FoleyCudaProduct()
      p.places = places.description(UnsafeRawPointer(integers))
      p.weight = stored + tap * depth * DType.bf16.size
      p.weightStride = Int64(kernel * depth)
      p.tapStride = Int64(depth)
      p.rows = Int64(rows)
      p.columns = Int32(columns)
      p.splits = sums.parts
      p.partial = partial + tap * Int(sums.parts) * sumsOfPart
      launchTiles(p, .bf16, operation)
    }
    work.add(.int8, 2 * sumsOfPart * depth * Int(sums.taps))
    sums.sums = UnsafePointer(partial)
    sums.rowFactors = UnsafePointer(factors.assumingMemoryBound(to: Float.self))
    sums.columnFactors = weightFactors
    (sums.rows, sums.columns) = (Int64(rows), Int32(columns))
    (sums.length, sums.outLength) = (Int32(x.shape[1]), Int32(places.outWidth))
    sums.stride = Int32(geometry.stride)
    sums.dilation = Int32(geometry.dilation)
    sums.padding = Int32(geometry.paddingBefore)
    sums.epilogue = end
    operation.launch(
      kernels.finishIntegers, sums, foley_cuda_launch_finish_integers(&sums))
    return result
  }

  /// Rounds rows to whole numbers, and writes down their factors.
  private func round(
    _ x: Tensor, into out: FoleyCudaTarget, _ factors: UnsafeMutableRawPointer,
    _ operation: Operation
  ) {
    var p = FoleyCudaRounding()
    p.x = operation.view(x.view)
    p.out = out
    p.factors = factors.assumingMemoryBound(to: Float.self)
    (p.rows, p.columns) = (Int64(x.rows), Int32(x.channels))
    operation.launch(kernels.roundRows, p, foley_cuda_launch_rows(p.rows))
  }
}
