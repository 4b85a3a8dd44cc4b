import CKernels
import Tensors

extension CPUBackend {
  public func quantise(_ weight: Tensor) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let (rows, count) = (weight.shape[0], weight.shape.count)
    let width = count / max(1, rows)
    let memory = buffer(count)
    let bytes = memory.base.assumingMemoryBound(to: Int8.self)
    let (scale, scales) = result([rows])
    let (stored, storage, _) = operands.weight(weight)
    let roundWeights = kernels.pointee.roundWeights
    eachRange(of: rows, width: width) { range in
      roundWeights(stored, storage, width, bytes, scales, range.lowerBound, range.upperBound)
    }
    return Tensor(buffer: memory, shape: weight.shape, dtype: .i8, scale: scale)
  }

  public func integerLinear(_ x: Tensor, weight: Tensor, bias: Tensor?, epilogue: Epilogue)
    -> Tensor
  {
    let (tensor, out) = result(x.shape.withChannels(weight.shape[0]))
    integerProduct(
      x, batch: 1, length: x.rows, weight, kernel: 1, bias, Convolution1D(), epilogue, into: out)
    return tensor
  }

  public func integerConv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D, epilogue: Epilogue
  ) -> Tensor {
    let (batch, length, kernel) = (x.shape[0], x.shape[1], weight.shape[1])
    let rows = geometry.outputLength(length, kernel: kernel)
    let (tensor, out) = result([batch, rows, weight.shape[0]])
    integerProduct(
      x, batch: batch, length: length, weight, kernel: kernel, bias, geometry, epilogue, into: out)
    return tensor
  }

  private func integerProduct(
    _ x: Tensor, batch: Int, length: Int, _ weight: Tensor, kernel: Int, _ bias: Tensor?,
    _ geometry: Convolution1D, _ epilogue: Epilogue, into out: UnsafeMutablePointer<Float>
  ) {
    let (depth, output) = (x.channels, weight.shape[0])
    let rows = geometry.outputLength(length, kernel: kernel)
    guard batch * rows > 0, output > 0 else { return }
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let integers = RoundedActivations(
      operands.floats(x), batch: batch, length: length, depth: depth, geometry, on: self)
    defer { withExtendedLifetime(integers) {} }
    let (stored, _, scales) = operands.weight(weight)
    compute(
      FoleyProduct(
        places: FoleyPlaces(
          base: UnsafePointer(bitPattern: 4)!, placeStride: depth, depth: depth, height: 1,
          width: length, outHeight: 1, outWidth: rows, kernelHeight: 1, kernelWidth: kernel,
          strideY: 1, strideX: geometry.stride, dilationX: geometry.dilation, padY: 0,
          padX: geometry.paddingBefore),
        weight: stored, storage: FoleyI8, scales: scales, weightStride: kernel * depth,
        tapStride: depth, scaleStride: 1, scaleTapStride: 0, rows: batch * rows, columns: output,
        out: out, outStride: output, bias: operands.floats(bias),
        activation: epilogue.activation.code, residual: operands.floats(epilogue.residual),
        gate: operands.broadcast(epilogue.gate), snake: operands.snake(epilogue.snake)),
      integers.description)
  }

  /// Bytes of packed weights a block of columns may take: they are read once for each tile of rows and should
  /// stay in the second-level cache.
  private static let packedBytes = 512 << 10

  private func compute(_ product: FoleyProduct, _ activations: FoleyIntegers) {
    let kernels = integers.pointee
    work.add(
      .int8, 2 * product.rows * product.columns * product.places.depth * product.places.kernelWidth)
    let panels = (product.columns + kernels.panel - 1) / kernels.panel
    let words = (product.places.depth + kernels.wordValues - 1) / kernels.wordValues
    let panelBytes = 4 * kernels.panel * (words + 1) * product.places.kernelWidth
    var width = max(1, min(8, CPUBackend.packedBytes / panelBytes))
    var parts = (product.rows + 1023) / 1024
    let wanted = threads.count == 1 ? 1 : 4 * threads.count
    while (panels + width - 1) / width * parts < wanted {
      if width > 1 {
        width /= 2
      } else if product.rows / (parts + 1) >= 56 {
        parts += 1
      } else {
        break
      }
    }
    let (blocks, rowParts) = (evenBlocks(panels, of: width, parts: parts), parts)
    let panel = kernels.panel
    withUnsafePointer(to: product) { product in
      withUnsafePointer(to: activations) { activations in
        let scratch = kernels.productScratch(product, (panels + blocks - 1) / blocks * panel)
        let (rows, end) = (product.pointee.rows, product.pointee.columns)
        eachTask(blocks * rowParts, scratch: scratch) { task, scratch in
          let (block, part) = (task / rowParts, task % rowParts)
          kernels.product(
            product, activations, rows * part / rowParts, rows * (part + 1) / rowParts,
            panels * block / blocks * panel, min(end, panels * (block + 1) / blocks * panel),
            scratch)
        }
      }
    }
  }
}

/// The rows of an operand as the integer kernels read them, with rows of zeros before and after each batch entry
/// where a convolution looks beyond it.
private final class RoundedActivations {
  private let backend: CPUBackend
  private let words: UnsafeMutablePointer<Int32>
  private let scales: UnsafeMutablePointer<Float>
  private let (wordBytes, scaleBytes): (Int, Int)
  let description: FoleyIntegers

  init(
    _ x: UnsafePointer<Float>, batch: Int, length: Int, depth: Int, _ geometry: Convolution1D,
    on backend: CPUBackend
  ) {
    let kernels = backend.integers.pointee
    let count = (depth + kernels.wordValues - 1) / kernels.wordValues
    let before = geometry.paddingBefore
    let places = before + length + geometry.paddingAfter
    (wordBytes, scaleBytes) = (4 * batch * places * count, 4 * batch * places)
    self.backend = backend
    let words = backend.memory.take(wordBytes).assumingMemoryBound(to: Int32.self)
    let scales = backend.memory.take(scaleBytes).assumingMemoryBound(to: Float.self)
    for entry in 0..<batch {
      let first = entry * places
      for padding in [first..<first + before, first + before + length..<first + places] {
        (words + padding.lowerBound * count)
          .update(repeating: kernels.zeroWord, count: padding.count * count)
        (scales + padding.lowerBound).update(repeating: 0, count: padding.count)
      }
    }
    backend.eachRange(of: batch * length, width: depth) { range in
      var row = range.lowerBound
      while row < range.upperBound {
        let entry = row / length
        let end = min(range.upperBound, (entry + 1) * length)
        let place = entry * places + before
        kernels.roundRows(
          x + entry * length * depth, depth, words + place * count, scales + place,
          row - entry * length, end - entry * length)
        row = end
      }
    }
    (self.words, self.scales) = (words, scales)
    description = FoleyIntegers(words: words, scales: scales, places: places)
  }

  deinit {
    backend.memory.giveBack(words, size: wordBytes)
    backend.memory.giveBack(scales, size: scaleBytes)
  }
}
