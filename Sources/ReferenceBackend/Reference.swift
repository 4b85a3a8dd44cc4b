import Tensors

/// The backend that is easy to believe: naive loops, sums in double precision, one thread.
///
/// Every fast kernel is compared with it. Nothing here is tuned, and nothing should be.
public final class Reference: Backend {
  public init() {}

  public var name: String { "reference" }

  // MARK: Memory

  public func upload(_ host: HostTensor) -> Tensor {
    let size = max(1, host.bytes.count)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    if host.bytes.count > 0 {
      memory.copyMemory(from: host.bytes.baseAddress!, byteCount: host.bytes.count)
    }
    let buffer = HostBuffer(backend: self, base: memory, size: size) { base, _ in base.deallocate()
    }
    return Tensor(
      buffer: buffer, shape: host.shape, dtype: host.dtype,
      scale: host.rowScales.map { tensor($0, [$0.count]) })
  }

  /// Keeps nothing.
  public func trim() {}

  public func download(_ tensor: Tensor) -> [Float] {
    guard let buffer = tensor.buffer as? HostBuffer else {
      preconditionFailure("a tensor of \(tensor.backend.name) given to the reference backend")
    }
    let bytes = UnsafeRawBufferPointer(
      start: buffer.base + tensor.offset, count: tensor.shape.count * tensor.dtype.size)
    return HostTensor(
      shape: tensor.shape, dtype: tensor.dtype, bytes: bytes, owner: buffer,
      rowScales: tensor.scale?.tensor.floats()
    ).floats()
  }

  /// The elements a view shows, row-major.
  func values(_ view: View) -> [Float] {
    let all = download(view.tensor)
    let width = view.tensor.channels
    let index = view.rowIndex.map { download($0).map { Int($0) } } ?? Array(0..<view.tensor.rows)
    return index.flatMap { row in view.columns.map { all[row * width + $0] } }
  }

  /// Reads a row-broadcast view: (row, channel) -> value.
  private func broadcast(_ view: View?) -> ((Int, Int) -> Float)? {
    guard let view else { return nil }
    let values = values(view)
    let width = view.channels
    let single = view.rows == 1
    return { row, channel in values[(single ? 0 : row * width) + channel] }
  }

  /// A tensor whose element (row, channel) is `element(row, channel)`.
  private func make(_ shape: Shape, _ element: (Int, Int) -> Float) -> Tensor {
    var values: [Float] = []
    values.reserveCapacity(shape.count)
    for row in 0..<shape.rows {
      for channel in 0..<shape.channels { values.append(element(row, channel)) }
    }
    return tensor(values, shape)
  }

  private func finish(_ shape: Shape, _ epilogue: Epilogue, _ product: (Int, Int) -> Double)
    -> Tensor
  {
    let residual = epilogue.residual?.floats()
    let gate = broadcast(epilogue.gate)
    let snake = epilogue.snake.map { (alpha: $0.alpha.floats(), beta: $0.beta.floats()) }
    let width = shape.channels
    return make(shape) { row, channel in
      var value = Reference.apply(epilogue.activation, product(row, channel))
      if let residual {
        let factor = gate.map { Double($0(row, channel)) } ?? 1
        value = Double(residual[row * width + channel]) + factor * value
      }
      guard let snake else { return Float(value) }
      return Float(Reference.snake(value, alpha: snake.alpha[channel], beta: snake.beta[channel]))
    }
  }

  // MARK: Dense

  public func linear(_ x: Tensor, weight: Tensor, bias: Tensor?, epilogue: Epilogue) -> Tensor {
    let (a, w, b) = (x.floats(), weight.floats(), bias?.floats())
    let depth = x.channels
    return finish(x.shape.withChannels(weight.shape[0]), epilogue) { row, out in
      var sum = Double(b?[out] ?? 0)
      for k in 0..<depth { sum += Double(a[row * depth + k]) * Double(w[out * depth + k]) }
      return sum
    }
  }

  public func attention(
    query: View, key: View, value: View, heads: Int, scale: Float, keyLengths: [Int]?
  ) -> Tensor {
    let (q, k, v) = (values(query), values(key), values(value))
    let width = query.channels
    let depth = width / heads
    let batch = key.tensor.shape.rank == 3 ? key.tensor.shape[0] : 1
    let queries = query.rows / batch
    let keys = key.rows / batch
    var out = [Float](repeating: 0, count: query.rows * width)
    for b in 0..<batch {
      let seen = keyLengths?[b] ?? keys
      for h in 0..<heads where seen > 0 {
        for i in 0..<queries {
          let qRow = (b * queries + i) * width + h * depth
          let scores = (0..<seen).map { j in
            let kRow = (b * keys + j) * width + h * depth
            return (0..<depth).reduce(0.0) { $0 + Double(q[qRow + $1]) * Double(k[kRow + $1]) }
              * Double(scale)
          }
          let weights = Reference.softmax(scores)
          for d in 0..<depth {
            var sum = 0.0
            for j in 0..<seen {
              sum += weights[j] * Double(v[(b * keys + j) * width + h * depth + d])
            }
            out[qRow + d] = Float(sum)
          }
        }
      }
    }
    return tensor(out, query.tensor.shape.withChannels(width))
  }

  public func dividedAttention(
    query: View, key: View, value: View, heads: Int, scale: Float, division: TokenDivision
  ) -> Tensor {
    let (q, k, v) = (values(query), values(key), values(value))
    let (width, depth) = (query.channels, query.channels / heads)
    // The tokens each token attends to.
    func seen(by token: Int) -> [Int] {
      if token == 0 { return Array(0..<division.tokens) }
      let (frame, place) = ((token - 1) / division.places, (token - 1) % division.places)
      let group =
        switch division.group {
        case .place: (0..<division.frames).map { 1 + $0 * division.places + place }
        case .frame: (0..<division.places).map { 1 + frame * division.places + $0 }
        }
      return [0] + group
    }
    var out = [Float](repeating: 0, count: query.rows * width)
    for row in 0..<query.rows {
      let start = row / division.tokens * division.tokens
      let keys = seen(by: row - start).map { start + $0 }
      for channel in stride(from: 0, to: width, by: depth) {
        let scores = keys.map { key in
          (channel..<channel + depth).reduce(0.0) {
            $0 + Double(q[row * width + $1]) * Double(k[key * width + $1])
          } * Double(scale)
        }
        let weights = Reference.softmax(scores)
        for d in channel..<channel + depth {
          out[row * width + d] = Float(
            zip(keys, weights).reduce(0.0) { $0 + $1.1 * Double(v[$1.0 * width + d]) })
        }
      }
    }
    return tensor(out, query.tensor.shape.withChannels(width))
  }

  // MARK: Normalisation

  public func layerNorm(
    _ x: Tensor, weight: Tensor?, bias: Tensor?, epsilon: Float, shift: View?, scale: View?
  ) -> Tensor {
    let (a, w, b) = (x.floats(), weight?.floats(), bias?.floats())
    let (shift, scale) = (broadcast(shift), broadcast(scale))
    let width = x.channels
    var statistics: [(mean: Double, inverse: Double)] = []
    for row in 0..<x.rows {
      let values = a[row * width..<(row + 1) * width].map(Double.init)
      let mean = values.reduce(0, +) / Double(width)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
      statistics.append((mean, 1 / (variance + Double(epsilon)).squareRoot()))
    }
    return make(x.shape) { row, channel in
      let (mean, inverse) = statistics[row]
      var value = (Double(a[row * width + channel]) - mean) * inverse
      value = value * Double(w?[channel] ?? 1) + Double(b?[channel] ?? 0)
      if let scale { value *= 1 + Double(scale(row, channel)) }
      if let shift { value += Double(shift(row, channel)) }
      return Float(value)
    }
  }

  public func rmsNormRotary(
    _ x: View, heads: Int, weight: Tensor?, epsilon: Float, rotary: RotaryTable?
  ) -> Tensor {
    var a = values(x).map(Double.init)
    let depth = x.channels / heads
    let w = weight?.floats()
    let cosines = rotary?.cosines.floats()
    let sines = rotary?.sines.floats()
    let positions = rotary?.cosines.shape[0] ?? 1
    for row in 0..<x.rows {
      for head in 0..<heads {
        let start = row * x.channels + head * depth
        let square = a[start..<start + depth].reduce(0) { $0 + $1 * $1 } / Double(depth)
        let inverse = 1 / (square + Double(epsilon)).squareRoot()
        for d in 0..<depth { a[start + d] *= inverse * Double(w?[d] ?? 1) }
        guard let cosines, let sines else { continue }
        for pair in 0..<depth / 2 {
          let angle = (row % positions) * (depth / 2) + pair
          let (even, odd) = (a[start + 2 * pair], a[start + 2 * pair + 1])
          a[start + 2 * pair] = even * Double(cosines[angle]) - odd * Double(sines[angle])
          a[start + 2 * pair + 1] = odd * Double(cosines[angle]) + even * Double(sines[angle])
        }
      }
    }
    let shape =
      x.rowIndex == nil ? x.tensor.shape.withChannels(x.channels) : Shape([x.rows, x.channels])
    return tensor(a.map { Float($0) }, shape)
  }

  public func softmax(_ x: Tensor) -> Tensor {
    let a = x.floats()
    let width = x.channels
    return tensor(
      (0..<x.rows).flatMap { row in
        Reference.softmax(a[row * width..<(row + 1) * width].map(Double.init)).map { Float($0) }
      }, x.shape)
  }

  // MARK: Elementwise

  public func activate(_ x: Tensor, _ activation: Activation) -> Tensor {
    tensor(x.floats().map { Float(Reference.apply(activation, Double($0))) }, x.shape)
  }

  public func gatedActivation(_ x: Tensor, _ activation: Activation) -> Tensor {
    let a = x.floats()
    let half = x.channels / 2
    return make(x.shape.withChannels(half)) { row, channel in
      let start = row * 2 * half + channel
      return Float(Reference.apply(activation, Double(a[start])) * Double(a[start + half]))
    }
  }

  public func snake(_ x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor {
    let (a, alphas, betas) = (x.floats(), alpha.floats(), beta.floats())
    return make(x.shape) { row, channel in
      let value = Double(a[row * x.channels + channel])
      return Float(Reference.snake(value, alpha: alphas[channel], beta: betas[channel]))
    }
  }

  public func gatedResidual(_ residual: Tensor, _ x: Tensor, gate: View) -> Tensor {
    let (r, a) = (residual.floats(), x.floats())
    let gate = broadcast(gate)!
    return make(x.shape) { row, channel in
      let index = row * x.channels + channel
      return Float(Double(r[index]) + Double(gate(row, channel)) * Double(a[index]))
    }
  }

  public func combine(_ a: Float, _ x: Tensor, _ b: Float, _ y: View) -> Tensor {
    let values = x.floats()
    let other = broadcast(y)!
    return make(x.shape) { row, channel in
      Float(
        Double(a) * Double(values[row * x.channels + channel])
          + Double(b) * Double(other(row, channel)))
    }
  }

  public func affine(_ x: Tensor, multiply a: Float, add c: Float) -> Tensor {
    tensor(x.floats().map { Float(Double(a) * Double($0) + Double(c)) }, x.shape)
  }

  public func multiply(_ x: Tensor, _ y: View) -> Tensor {
    let values = x.floats()
    let other = broadcast(y)!
    return make(x.shape) { row, channel in
      values[row * x.channels + channel] * other(row, channel)
    }
  }
}

extension Reference {
  /// The element-wise functions of convolutions and products, shared with Convolutions.swift.
  func finished(_ shape: Shape, _ epilogue: Epilogue, _ product: (Int, Int) -> Double) -> Tensor {
    finish(shape, epilogue, product)
  }
}
