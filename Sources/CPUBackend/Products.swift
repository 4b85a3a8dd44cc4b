import CKernels
import Tensors

extension CPUBackend {
  public func linear(_ x: Tensor, weight: Tensor, bias: Tensor?, epilogue: Epilogue) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let (output, depth) = (weight.shape[0], weight.shape[1])
    let (tensor, out) = result(x.shape.withChannels(output))
    let (stored, storage, scales) = operands.weight(weight)
    compute([
      FoleyProduct(
        places: .rows(operands.floats(x), count: x.rows, depth: depth), weight: stored,
        storage: storage, scales: scales, weightStride: depth, tapStride: depth, scaleStride: 1,
        scaleTapStride: 0, rows: x.rows, columns: output, out: out, outStride: output,
        bias: operands.floats(bias), activation: epilogue.activation.code,
        residual: operands.floats(epilogue.residual), gate: operands.broadcast(epilogue.gate),
        snake: operands.snake(epilogue.snake))
    ])
    return tensor
  }

  public func conv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D, epilogue: Epilogue
  ) -> Tensor {
    let (batch, length, input) = (x.shape[0], x.shape[1], x.shape[2])
    let (output, kernel, depth) = (weight.shape[0], weight.shape[1], weight.shape[2])
    let rows = geometry.outputLength(length, kernel: kernel)
    if output == 1, batch == 1, rows > 0, geometry == Convolution1D(),
      epilogue.residual == nil, epilogue.snake == nil
    {
      return convolveToOneChannel(x, weight: weight, bias: bias, epilogue.activation, rows: rows)
    }
    let places = FoleyPlaces(
      base: UnsafePointer(bitPattern: 4)!, placeStride: input, depth: depth, height: 1,
      width: length, outHeight: 1, outWidth: rows, kernelHeight: 1, kernelWidth: kernel,
      strideY: 1, strideX: geometry.stride, dilationX: geometry.dilation, padY: 0,
      padX: geometry.paddingBefore)
    return convolve(
      x, weight: weight, bias: bias, epilogue, places, groups: geometry.groups,
      shape: [batch, rows, output])
  }

  public func conv2d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution2D, activation: Activation
  ) -> Tensor {
    let (batch, height, width, input) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let (output, kernelHeight, kernelWidth) = (weight.shape[0], weight.shape[1], weight.shape[2])
    let rows = max(0, geometry.outputHeight(height, kernel: kernelHeight))
    let columns = max(0, geometry.outputWidth(width, kernel: kernelWidth))
    let places = FoleyPlaces(
      base: UnsafePointer(bitPattern: 4)!, placeStride: input, depth: input, height: height,
      width: width, outHeight: rows, outWidth: columns, kernelHeight: kernelHeight,
      kernelWidth: kernelWidth, strideY: geometry.stride, strideX: geometry.stride, dilationX: 1,
      padY: geometry.paddingTop, padX: geometry.paddingLeft)
    return convolve(
      x, weight: weight, bias: bias, Epilogue(activation), places, groups: 1,
      shape: [batch, rows, columns, output])
  }

  /// One dot product for each row. Panels of columns would be filled with zeros but for one; so the two
  /// operands change places: the weight is the one row, and the overlapping windows over x are the columns.
  private func convolveToOneChannel(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ activation: Activation, rows: Int
  ) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let (tensor, out) = result([1, rows, 1])
    let (biases, everyBias) = result([rows])
    defer { withExtendedLifetime(biases) {} }
    everyBias.update(repeating: operands.floats(bias)?.pointee ?? 0, count: rows)
    let depth = weight.shape.count
    compute([
      FoleyProduct(
        places: .rows(operands.floats(weight), count: 1, depth: depth),
        weight: UnsafeRawPointer(operands.floats(x)), storage: FoleyF32, scales: nil,
        weightStride: x.channels, tapStride: depth, scaleStride: 0, scaleTapStride: 0, rows: 1,
        columns: rows, out: out, outStride: rows, bias: everyBias, activation: activation.code,
        residual: nil, gate: FoleyRows(base: nil, stride: 0, index: nil),
        snake: FoleySnake(alpha: nil, factor: nil))
    ])
    return tensor
  }

  /// A convolution as one product per group; `places` lacks its base.
  private func convolve(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ epilogue: Epilogue, _ places: FoleyPlaces,
    groups: Int, shape: Shape
  ) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let (tensor, out) = result(shape)
    let from = operands.floats(x)
    let (stored, storage, scales) = operands.weight(weight)
    let size = storage == FoleyF32 ? 4 : storage == FoleyI8 ? 1 : 2
    let (biases, residual) = (operands.floats(bias), operands.floats(epilogue.residual))
    let gate = operands.broadcast(epilogue.gate)
    let snake = operands.snake(epilogue.snake)
    let depth = places.depth * places.kernelHeight * places.kernelWidth
    let columns = shape.channels / groups
    var places = places
    compute(
      (0..<groups).map { group in
        places.base = from + group * places.depth
        let first = group * columns
        return FoleyProduct(
          places: places, weight: stored + first * depth * size, storage: storage,
          scales: scales.map { $0 + first }, weightStride: depth, tapStride: places.depth,
          scaleStride: 1, scaleTapStride: 0, rows: shape.rows, columns: columns, out: out + first,
          outStride: shape.channels, bias: biases.map { $0 + first },
          activation: epilogue.activation.code, residual: residual.map { $0 + first },
          gate: FoleyRows(
            base: gate.base.map { $0 + first }, stride: gate.stride, index: gate.index),
          snake: FoleySnake(
            alpha: snake.alpha.map { $0 + first }, factor: snake.factor.map { $0 + first }))
      })
    return tensor
  }

  /// Output row q takes the taps k with (q + padding - k) divisible by the stride. Rows that agree in
  /// (q + padding) % stride therefore take the same taps: each such phase is a convolution of its own.
  public func convTranspose1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: TransposedConvolution1D
  ) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let (batch, length, input) = (x.shape[0], x.shape[1], x.shape[2])
    let (kernel, output) = (weight.shape[0], weight.shape[1])
    let rows = geometry.outputLength(length, kernel: kernel)
    let (tensor, out) = result([batch, rows, output])
    let (from, biases) = (operands.floats(x), operands.floats(bias))
    let (stored, storage, scales) = operands.weight(weight)
    let size = storage == FoleyF32 ? 4 : storage == FoleyI8 ? 1 : 2
    let step = geometry.stride
    var products: [FoleyProduct] = []
    for entry in 0..<batch {
      for phase in 0..<step {
        let first = ((phase - geometry.padding) % step + step) % step
        guard first < rows else { continue }
        let taps = phase < kernel ? (kernel - phase + step - 1) / step : 0
        let places = FoleyPlaces(
          base: from + entry * length * input, placeStride: input, depth: input, height: 1,
          width: length, outHeight: 1, outWidth: (rows - first + step - 1) / step,
          kernelHeight: 1, kernelWidth: taps, strideY: 1, strideX: 1,
          // Later taps reach further back.
          dilationX: taps > 1 ? -1 : 1, padY: 0, padX: -((first + geometry.padding) / step))
        products.append(
          FoleyProduct(
            places: places, weight: stored + phase * output * input * size, storage: storage,
            scales: scales.map { $0 + phase }, weightStride: input,
            tapStride: step * output * input, scaleStride: 0, scaleTapStride: step,
            rows: places.outWidth, columns: output, out: out + (entry * rows + first) * output,
            outStride: step * output, bias: biases, activation: FoleyIdentity, residual: nil,
            gate: FoleyRows(base: nil, stride: 0, index: nil),
            snake: FoleySnake(alpha: nil, factor: nil)))
      }
    }
    compute(products)
    return tensor
  }

  // MARK: Sharing out

  /// Up to this many rows the weights are read in place. Measured: from about 20 rows on, turning panels
  /// around pays, whatever the vectors and the stored type.
  private static let fewRows = 16

  private struct Block {
    let product: Int
    let rows: Range<Int>
    let columns: Range<Int>
    let few: Bool
  }

  private func compute(_ products: [FoleyProduct]) {
    var blocks: [Block] = []
    for (index, product) in products.enumerated() {
      guard product.rows > 0, product.columns > 0 else { continue }
      let places = product.places
      work.add(
        .float,
        2 * product.rows * product.columns * places.depth * places.kernelHeight * places.kernelWidth
      )
      cut(product, index, shares: products.count, into: &blocks)
    }
    products.withUnsafeBufferPointer { products in
      let scratch =
        blocks.map { block in
          block.few
            ? 0
            : kernels.pointee.productScratch(
              products.baseAddress! + block.product, block.rows.count, block.columns.count)
        }.max() ?? 0
      let (product, productOfFewRows) = (kernels.pointee.product, kernels.pointee.productOfFewRows)
      eachTask(blocks.count, scratch: scratch) { task, scratch in
        let block = blocks[task]
        let description = products.baseAddress! + block.product
        if block.few {
          productOfFewRows(description, block.columns.lowerBound, block.columns.upperBound)
        } else {
          product(
            description, block.rows.lowerBound, block.rows.upperBound, block.columns.lowerBound,
            block.columns.upperBound, scratch)
        }
      }
    }
  }

  /// Cuts a product into blocks. Wide blocks use a tile of rows for more columns, high ones a packed
  /// panel for more rows; both shrink where there would be too few blocks to occupy the threads.
  private func cut(
    _ product: FoleyProduct, _ index: Int, shares: Int, into blocks: inout [Block]
  ) {
    let (rows, columns, panel) = (product.rows, product.columns, kernels.pointee.panel)
    let panels = (columns + panel - 1) / panel
    let few = rows <= CPUBackend.fewRows && product.places.isRows
    let wanted = threads.count == 1 ? 1 : max(1, 2 * threads.count / shares)
    var parts = 1
    var width = 256 / panel
    func blockCount() -> Int { (panels + width - 1) / width * parts }
    if few {
      // Work below the cost of waking a thread stays together.
      let small = rows * columns * product.places.depth < 1 << 18
      width = small ? panels : max(1, panels / wanted)
    } else {
      parts = (rows + 1023) / 1024
      while blockCount() < wanted {
        if width * panel > 128 {
          width /= 2
        } else if rows / (parts + 1) >= 192 {
          parts += 1
        } else if width > 1 {
          width /= 2
        } else if rows / (parts + 1) >= 64 {
          parts += 1
        } else {
          break
        }
      }
    }
    let count =
      shares == 1 && width < panels
      ? evenBlocks(panels, of: width, parts: parts) : (panels + width - 1) / width
    for part in 0..<parts {
      for block in 0..<count {
        blocks.append(
          Block(
            product: index, rows: rows * part / parts..<rows * (part + 1) / parts,
            columns: panels * block / count
              * panel..<min(
                columns, panels * (block + 1) / count * panel), few: few))
      }
    }
  }

  /// How many blocks of at most `width` panels to make, so that with `parts` of the rows each the threads get
  /// equal shares.
  func evenBlocks(_ panels: Int, of width: Int, parts: Int) -> Int {
    var count = (panels + width - 1) / width
    while count < panels && count * parts % threads.count != 0 { count += 1 }
    return count
  }
}

extension FoleyPlaces {
  /// `count` rows of `depth` channels.
  static func rows(_ base: UnsafePointer<Float>, count: Int, depth: Int) -> FoleyPlaces {
    FoleyPlaces(
      base: base, placeStride: depth, depth: depth, height: 1, width: count, outHeight: 1,
      outWidth: count, kernelHeight: 1, kernelWidth: 1, strideY: 1, strideX: 1, dilationX: 1,
      padY: 0, padX: 0)
  }

  /// Whether every output row reads the whole of its own place, and no other.
  var isRows: Bool {
    kernelHeight == 1 && kernelWidth == 1 && strideX == 1 && strideY == 1 && padX == 0 && padY == 0
      && outWidth == width && outHeight == height
  }
}
