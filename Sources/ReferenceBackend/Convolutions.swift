import Tensors

extension Reference {
  public func conv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D, epilogue: Epilogue
  ) -> Tensor {
    let (a, w, b) = (x.floats(), weight.floats(), bias?.floats())
    let (batch, length, input) = (x.shape[0], x.shape[1], x.shape[2])
    let (output, kernel, depth) = (weight.shape[0], weight.shape[1], weight.shape[2])
    let rows = geometry.outputLength(length, kernel: kernel)
    return finished([batch, rows, output], epilogue) { row, out in
      let (entry, t) = (row / rows, row % rows)
      let group = out / (output / geometry.groups)
      var sum = Double(b?[out] ?? 0)
      for k in 0..<kernel {
        let source = t * geometry.stride + k * geometry.dilation - geometry.paddingBefore
        guard source >= 0 && source < length else { continue }
        for c in 0..<depth {
          sum +=
            Double(a[(entry * length + source) * input + group * depth + c])
            * Double(w[(out * kernel + k) * depth + c])
        }
      }
      return sum
    }
  }

  public func depthwiseConv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D
  ) -> Tensor {
    let (a, w, b) = (x.floats(), weight.floats(), bias?.floats())
    let (batch, length, channels) = (x.shape[0], x.shape[1], x.shape[2])
    let kernel = weight.shape[0]
    let rows = geometry.outputLength(length, kernel: kernel)
    return finished([batch, rows, channels], .none) { row, c in
      let (entry, t) = (row / rows, row % rows)
      var sum = Double(b?[c] ?? 0)
      for k in 0..<kernel {
        let source = t * geometry.stride + k * geometry.dilation - geometry.paddingBefore
        guard source >= 0 && source < length else { continue }
        sum += Double(a[(entry * length + source) * channels + c]) * Double(w[k * channels + c])
      }
      return sum
    }
  }

  public func convTranspose1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: TransposedConvolution1D
  ) -> Tensor {
    let (a, w, b) = (x.floats(), weight.floats(), bias?.floats())
    let (batch, length, input) = (x.shape[0], x.shape[1], x.shape[2])
    let (kernel, output) = (weight.shape[0], weight.shape[1])
    let rows = geometry.outputLength(length, kernel: kernel)
    return finished([batch, rows, output], .none) { row, out in
      let (entry, t) = (row / rows, row % rows)
      var sum = Double(b?[out] ?? 0)
      for k in 0..<kernel {
        let place = t + geometry.padding - k
        guard place >= 0, place % geometry.stride == 0, place / geometry.stride < length else {
          continue
        }
        let source = (entry * length + place / geometry.stride) * input
        for c in 0..<input {
          sum += Double(a[source + c]) * Double(w[(k * output + out) * input + c])
        }
      }
      return sum
    }
  }

  public func conv2d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution2D, activation: Activation
  ) -> Tensor {
    let (a, w, b) = (x.floats(), weight.floats(), bias?.floats())
    let (input, output) = (x.channels, weight.shape[0])
    let taps = PictureTaps(x.shape, kernel: (weight.shape[1], weight.shape[2]), geometry)
    let shape: Shape = [x.shape[0], taps.rows, taps.columns, output]
    return finished(shape, Epilogue(activation)) { pixel, out in
      taps.sum(at: pixel) { source, tap in
        let tap = out * taps.count + tap
        return (0..<input).reduce(0.0) {
          $0 + Double(a[source * input + $1]) * Double(w[tap * input + $1])
        }
      } + Double(b?[out] ?? 0)
    }
  }

  public func depthwiseConv2d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution2D, activation: Activation
  ) -> Tensor {
    let (a, w, b) = (x.floats(), weight.floats(), bias?.floats())
    let channels = x.channels
    let taps = PictureTaps(x.shape, kernel: (weight.shape[0], weight.shape[1]), geometry)
    let shape: Shape = [x.shape[0], taps.rows, taps.columns, channels]
    return finished(shape, Epilogue(activation)) { pixel, c in
      taps.sum(at: pixel) { source, tap in
        Double(a[source * channels + c]) * Double(w[tap * channels + c])
      } + Double(b?[c] ?? 0)
    }
  }

  public func globalAveragePool(_ x: Tensor) -> Tensor {
    let a = x.floats()
    let (batch, channels) = (x.shape[0], x.channels)
    let places = x.shape.count / max(1, batch * channels)
    return finished([batch, channels], .none) { entry, c in
      (0..<places).reduce(0.0) { $0 + Double(a[(entry * places + $1) * channels + c]) }
        / Double(places)
    }
  }

  // MARK: Rearrangement

  public func gather(_ view: View, shape: Shape) -> Tensor { tensor(values(view), shape) }

  public func concatenateRows(_ parts: [View], batch: Int) -> Tensor {
    let channels = parts[0].channels
    let contents = parts.map { values($0) }
    var joined: [Float] = []
    for entry in 0..<batch {
      for content in contents {
        let size = content.count / batch
        joined += content[entry * size..<(entry + 1) * size]
      }
    }
    return tensor(joined, [batch, joined.count / (batch * channels), channels])
  }

  public func concatenateColumns(_ parts: [View], shape: Shape) -> Tensor {
    let contents = parts.map { (values($0), $0.channels) }
    let joined = (0..<shape.rows).flatMap { row in
      contents.flatMap { content, width in content[row * width..<(row + 1) * width] }
    }
    return tensor(joined, shape)
  }

  public func transpose(_ x: Tensor) -> Tensor {
    let a = x.floats()
    let (rows, columns) = (x.shape[1], x.shape[2])
    return finished([x.shape[0], columns, rows], .none) { row, c in
      Double(a[(row / columns * rows + c) * columns + row % columns])
    }
  }
}

/// Where the taps of a convolution over pictures [B, H, W, C] fall.
private struct PictureTaps {
  /// Of the result.
  let rows: Int
  let columns: Int
  /// Taps of the kernel.
  var count: Int { kernel.height * kernel.width }

  private let height: Int
  private let width: Int
  private let kernel: (height: Int, width: Int)
  private let geometry: Convolution2D

  init(_ x: Shape, kernel: (height: Int, width: Int), _ geometry: Convolution2D) {
    (height, width) = (x[1], x[2])
    self.kernel = kernel
    self.geometry = geometry
    rows = geometry.outputHeight(height, kernel: kernel.height)
    columns = geometry.outputWidth(width, kernel: kernel.width)
  }

  /// The sum of `term(pixel of x, tap)` over the taps of the result's `pixel` that lie inside the picture.
  func sum(at pixel: Int, _ term: (_ source: Int, _ tap: Int) -> Double) -> Double {
    let (entry, i, j) = (pixel / (rows * columns), pixel / columns % rows, pixel % columns)
    var sum = 0.0
    for tap in 0..<count {
      let row = i * geometry.stride + tap / kernel.width - geometry.paddingTop
      let column = j * geometry.stride + tap % kernel.width - geometry.paddingLeft
      guard row >= 0, row < height, column >= 0, column < width else { continue }
      sum += term((entry * height + row) * width + column, tap)
    }
    return sum
  }
}
