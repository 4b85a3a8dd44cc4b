import CUDAEmulation
import Tensors
import TestSupport

/// Products of every kind: matrices, convolutions over time and over pictures, transposed ones.
struct ProductCase {
  enum Numbers: String, CaseIterable {
    case bf16, tf32, f32

    var storage: Storage { self == .bf16 ? .bf16 : .f32 }
    /// Against exact sums of the operands as they are stored. A few values may be small by chance.
    func tolerance(values: Int) -> Float { self != .tf32 ? 2e-6 : values < 40 ? 1e-2 : 1e-3 }
    var large: FoleyCudaTile { foley_cuda_large_tile(self == .bf16 ? 1 : 0) }
  }
  enum Kernel { case large, small, guarded, fewRows }
  enum Gate { case oneRow, picked }

  var numbers = Numbers.bf16
  var kernel = Kernel.small
  var batch = 1
  var length = 0
  var input = 0
  var output = 0
  /// nil: a matrix.
  var taps: (kernel: Int, geometry: Convolution1D)?
  /// Floats between the rows of x, where it is a part of a wider matrix.
  var inputStride: Int?
  /// A row of x, counted through all entries, that is not a number.
  var spoiltRow: Int?
  var bias = false
  var activation = Activation.identity
  var residual: Storage?
  var gate: Gate?
  var snake = false
  var out = Storage.f32
  var splits: Int32 = 1

  var what: String {
    "\(numbers) \(kernel) \(batch) x \(length) x \(input) to \(output)"
      + (taps.map { ", kernel \($0.kernel), \($0.geometry)" } ?? "")
      + "\(bias ? ", bias" : ""), \(activation)\(residual == nil ? "" : ", residual")"
      + "\(gate == nil ? "" : ", gate")\(snake ? ", snake" : ""), to \(out), \(splits) parts"
  }

  func made() -> KernelCase {
    let kernel = taps?.kernel ?? 1
    let geometry = taps?.geometry ?? Convolution1D()
    let outLength = geometry.outputLength(length, kernel: kernel)
    let rows = batch * outLength
    let scale = 1 / Float(input * kernel).squareRoot()
    let stride = inputStride ?? input
    let wide = Operand(
      left(width: stride, rows: batch * length), [batch, length, stride], numbers.storage)
    let x = wide.tensor.columns(0..<input).copied()
    let weight = Operand([output, kernel, input], numbers.storage, seed: 2, scale: scale)
    let end = Ending(rows: rows, columns: output, self)

    var p = FoleyCudaProduct()
    p.places.base = UnsafeRawPointer(wide.memory.base)
    p.places.entryStride = Int64(length * stride)
    p.places.lineStride = Int64(length * stride)
    p.places.placeStride = Int64(stride)
    p.places.depth = Int32(input)
    p.places.height = 1
    p.places.width = Int32(length)
    p.places.outHeight = 1
    p.places.outWidth = Int32(outLength)
    p.places.kernelHeight = 1
    p.places.kernelWidth = Int32(kernel)
    p.places.strideY = 1
    p.places.strideX = Int32(geometry.stride)
    p.places.dilationX = Int32(geometry.dilation)
    p.places.padX = Int32(geometry.paddingBefore)
    p.weight = UnsafeRawPointer(weight.memory.base)
    p.weightStride = Int64(kernel * input)
    p.tapStride = Int64(input)
    p.rows = Int64(rows)
    p.columns = Int32(output)
    p.splits = splits
    p.epilogue = end.epilogue
    let expected = x.conv1d(
      weight.tensor, bias: end.bias?.tensor.reshaped([output]), geometry, epilogue: end.reference)
    return KernelCase(
      what: what, expected: expected.floats(), tolerance: tolerance(expected.shape.count)
    ) {
      [self, p] variation in
      try withExtendedLifetime((wide, weight, end)) { try run(p, count: rows * output, variation) }
    }
  }

  /// conv2d: [batch, side.0, side.1, input], a kernel of height and width.
  ///
  /// - Parameter joined: the taps of a line as one, which is how patches are read.
  func picture(
    height: Int, width: Int, kernel: (Int, Int), _ geometry: Convolution2D, joined: Bool = false
  ) -> KernelCase {
    let scale = 1 / Float(input * kernel.0 * kernel.1).squareRoot()
    let x = Operand(
      left(width: input, rows: batch * height * width), [batch, height, width, input],
      numbers.storage)
    let weight = Operand(
      [output, kernel.0, kernel.1, input], numbers.storage, seed: 2, scale: scale)
    let outHeight = geometry.outputHeight(height, kernel: kernel.0)
    let outWidth = geometry.outputWidth(width, kernel: kernel.1)
    let rows = batch * outHeight * outWidth
    let end = Ending(rows: rows, columns: output, self)
    var p = FoleyCudaProduct()
    p.places.base = UnsafeRawPointer(x.memory.base)
    p.places.entryStride = Int64(height * width * input)
    p.places.lineStride = Int64(width * input)
    p.places.placeStride = Int64(joined ? geometry.stride * input : input)
    p.places.depth = Int32(joined ? kernel.1 * input : input)
    p.places.height = Int32(height)
    p.places.width = Int32(joined ? outWidth : width)
    p.places.outHeight = Int32(outHeight)
    p.places.outWidth = Int32(outWidth)
    p.places.kernelHeight = Int32(kernel.0)
    p.places.kernelWidth = Int32(joined ? 1 : kernel.1)
    p.places.strideY = Int32(geometry.stride)
    p.places.strideX = joined ? 1 : Int32(geometry.stride)
    p.places.dilationX = 1
    p.places.padY = Int32(geometry.paddingTop)
    p.places.padX = Int32(geometry.paddingLeft)
    p.weight = UnsafeRawPointer(weight.memory.base)
    p.weightStride = Int64(kernel.0 * kernel.1 * input)
    p.tapStride = Int64(p.places.depth)
    p.rows = Int64(rows)
    p.columns = Int32(output)
    p.splits = 1
    p.epilogue = end.epilogue
    let expected = x.tensor.conv2d(
      weight.tensor, bias: end.bias?.tensor.reshaped([output]), geometry, activation: activation)
    return KernelCase(
      what: "picture \(height) x \(width), kernel \(kernel): \(what)", expected: expected.floats(),
      tolerance: tolerance(expected.shape.count)
    ) { [self, p] variation in
      try withExtendedLifetime((x, weight, end)) { try run(p, count: rows * output, variation) }
    }
  }

  /// convTranspose1d: [batch, length, input].
  func transposed(kernel: Int, _ geometry: TransposedConvolution1D) -> KernelCase {
    let scale = 1 / Float(input).squareRoot()
    let x = Operand([batch, length, input], numbers.storage)
    let weight = Operand([kernel, output, input], numbers.storage, seed: 2, scale: scale)
    let outLength = geometry.outputLength(length, kernel: kernel)
    let end = Ending(rows: batch * outLength, columns: output, self)
    let rowsOfPhase = (outLength + geometry.stride - 1) / geometry.stride
    var p = FoleyCudaProduct()
    p.places.base = UnsafeRawPointer(x.memory.base)
    p.places.entryStride = Int64(length * input)
    p.places.lineStride = Int64(length * input)
    p.places.placeStride = Int64(input)
    p.places.depth = Int32(input)
    p.places.height = 1
    p.places.width = Int32(length)
    p.places.outHeight = 1
    p.places.outWidth = Int32(rowsOfPhase)
    p.places.kernelHeight = 1
    p.places.kernelWidth = Int32(kernel)
    p.places.strideY = 1
    p.places.strideX = 1
    p.places.dilationX = -1
    p.weight = UnsafeRawPointer(weight.memory.base)
    p.weightStride = Int64(input)
    p.tapStride = Int64(output * input)
    p.rows = Int64(batch * rowsOfPhase)
    p.columns = Int32(output)
    p.phases = Int32(geometry.stride)
    p.cut = Int32(geometry.padding)
    p.outLength = Int32(outLength)
    p.splits = 1
    p.epilogue = end.epilogue
    let expected = x.tensor.convTranspose1d(
      weight.tensor, bias: end.bias?.tensor.reshaped([output]), geometry)
    return KernelCase(
      what: "transposed, kernel \(kernel), \(geometry): \(what)", expected: expected.floats(),
      tolerance: tolerance(expected.shape.count)
    ) { [self, p] variation in
      try withExtendedLifetime((x, weight, end)) {
        try run(p, count: batch * outLength * output, variation)
      }
    }
  }

  /// The left operand.
  private func left(width: Int, rows: Int) -> [Float] {
    var values = noise(rows * width, seed: 1)
    if let row = spoiltRow { for i in row * width..<(row + 1) * width { values[i] = .nan } }
    return values
  }

  private func tolerance(_ values: Int) -> Float {
    max(numbers.tolerance(values: values), out.tolerance)
  }

  private func run(_ p: FoleyCudaProduct, count: Int, _ variation: Variation) throws -> [Float] {
    var p = p
    let result = Target(count, width: output, out)
    p.epilogue.out = result.target
    let partial = EmulatedMemory(
      size: splits == 1 ? 0 : Int(splits) * Int(p.rows) * output * MemoryLayout<Float>.size)
    p.partial = splits == 1 ? nil : partial.base.assumingMemoryBound(to: Float.self)
    let aligned = foley_cuda_product_is_aligned(&p, numbers == .bf16 ? 1 : 0) != 0
    precondition(kernel == .guarded || aligned, "\(what): not aligned")
    let name = "foley_product_\(numbers)"
    func tiled(_ tile: FoleyCudaTile, _ suffix: String) throws {
      try launch(name + suffix, p, foley_cuda_launch_product(&p, tile), variation)
      // Matrix loads are what products spend most of their time with.
      guard foley_emulated_bank_conflicts() == 0 else {
        throw EmulationFault(description: "\(foley_emulated_bank_conflicts()) bank conflicts")
      }
    }
    switch kernel {
    case .large: try tiled(numbers.large, "_\(numbers.large.rows)x\(numbers.large.columns)")
    case .small: try tiled(foley_cuda_small_tile(), "_64x64")
    case .guarded: try tiled(foley_cuda_small_tile(), "_guarded")
    case .fewRows:
      precondition(foley_cuda_product_has_few_rows(&p) != 0, what)
      try launch(name + "_few_rows", p, foley_cuda_launch_few_rows(&p), variation)
    }
    if splits > 1 {
      try launch("foley_product_finish", p, foley_cuda_launch_product_finish(&p), variation)
    }
    withExtendedLifetime(partial) {}
    return result.values
  }
}

/// The operands of an epilogue.
struct Ending {
  let bias: Operand?
  let residual: Operand?
  let gates: Operand?
  let index: RowIndex?
  let snake: (alpha: Operand, beta: Operand)?
  let reference: Epilogue
  let epilogue: FoleyCudaEpilogue

  init(rows: Int, columns: Int, _ product: ProductCase) {
    bias = product.bias ? Operand([1, columns], seed: 3) : nil
    residual = product.residual.map { Operand([rows, columns], $0, seed: 4) }
    gates = product.gate.map {
      Operand([$0 == .oneRow ? 1 : 2, 2 * columns], product.residual!, seed: 5)
    }
    index = product.gate == .picked ? RowIndex((0..<rows).map { $0 / 3 % 2 }) : nil
    snake =
      product.snake
      ? (
        Operand([1, columns], seed: 6),
        Operand(noise(columns, seed: 7).map { $0 * $0 + 0.3 }, [1, columns])
      ) : nil
    let picked = columns..<2 * columns
    reference = Epilogue(
      product.activation, residual: residual?.tensor,
      gate: gates?.tensor.columns(picked).picking(rows: index?.tensor),
      snake: snake.map { SnakeParameters(alpha: $0.alpha.tensor, beta: $0.beta.tensor) })
    var e = FoleyCudaEpilogue()
    e.bias = bias?.memory.vector
    if let residual { e.residual = residual.view() }
    if let gates { e.gate = gates.view(columns: picked, index: index?.memory) }
    e.snakeAlpha = snake?.alpha.memory.vector
    e.snakeBeta = snake?.beta.memory.vector
    e.activation = product.activation.code
    epilogue = e
  }
}
