// The operations layers are written with: each checks its shapes (a wrong shape is a programmer's
// mistake, hence a precondition) and hands over to the tensor's backend.

extension Tensor {
  /// `epilogue(self · weightᵀ + bias)`: [.., in] and weight [out, in] -> [.., out].
  ///
  /// - Parameter precision: with `.int8`, of a weight made by `quantised`.
  public func linear(
    _ weight: Tensor, bias: Tensor? = nil, epilogue: Epilogue = .none,
    precision: ProductPrecision = .float
  ) -> Tensor {
    precondition(
      weight.shape.rank == 2 && weight.shape[1] == channels,
      "linear: \(shape) with a weight \(weight.shape)")
    precondition(bias == nil || bias?.shape.count == weight.shape[0], "linear: bias")
    let output = shape.withChannels(weight.shape[0])
    epilogue.check(output)
    switch precision {
    case .float: return backend.linear(self, weight: weight, bias: bias, epilogue: epilogue)
    case .int8:
      weight.checkQuantised(depth: channels)
      return backend.integerLinear(self, weight: weight, bias: bias, epilogue: epilogue)
    }
  }

  /// A weight [out, ..] rounded to 8 bits, with one scale for each output; see `ProductPrecision.int8`.
  public func quantised() -> Tensor {
    precondition(shape.rank >= 2, "quantised: \(shape) has no rows")
    return dtype == .i8 && scale != nil ? self : backend.quantise(self)
  }

  /// 32 bits hold the sum of this many products of 127 and 127, and of 255 and 127.
  private static let deepestIntegerSum = 1 << 16

  private func checkQuantised(depth: Int) {
    precondition(dtype == .i8 && scale != nil, "a product in integers of a weight of \(dtype)")
    precondition(depth <= Tensor.deepestIntegerSum, "a product in integers of depth \(depth)")
  }

  /// Layer normalisation over the channels, with an optional modulation
  /// `(1 + scale) * norm + shift` whose views are row-broadcast.
  public func layerNorm(
    weight: Tensor? = nil, bias: Tensor? = nil, epsilon: Float, shift: View? = nil,
    scale: View? = nil
  ) -> Tensor {
    precondition(weight == nil || weight?.shape.count == channels, "layerNorm: weight")
    precondition(bias == nil || bias?.shape.count == channels, "layerNorm: bias")
    checkBroadcast(shift, "layerNorm: shift")
    checkBroadcast(scale, "layerNorm: scale")
    return backend.layerNorm(
      self, weight: weight, bias: bias, epsilon: epsilon, shift: shift, scale: scale)
  }

  public func softmax() -> Tensor { backend.softmax(self) }
  public func activated(_ activation: Activation) -> Tensor {
    activation == .identity ? self : backend.activate(self, activation)
  }
  public func silu() -> Tensor { backend.activate(self, .silu) }

  /// [.., 2C] -> [.., C]: `activation(first half) * second half`.
  public func gated(_ activation: Activation = .silu) -> Tensor {
    precondition(channels % 2 == 0, "gated: an odd number of channels")
    return backend.gatedActivation(self, activation)
  }

  /// `x + sin²(alpha x) / (beta + 1e-9)`; beta is alpha where not given.
  public func snake(alpha: Tensor, beta: Tensor? = nil) -> Tensor {
    snake(SnakeParameters(alpha: alpha, beta: beta))
  }

  public func snake(_ parameters: SnakeParameters) -> Tensor {
    precondition(parameters.alpha.shape.count == channels, "snake: alpha")
    return backend.snake(self, alpha: parameters.alpha, beta: parameters.beta)
  }

  /// `self + gate * x`.
  public func adding(_ x: Tensor, gate: View) -> Tensor {
    precondition(x.shape == shape, "gated residual: \(shape) and \(x.shape)")
    checkBroadcast(gate, "gated residual: gate")
    return backend.gatedResidual(self, x, gate: gate)
  }

  /// `a * self + b * other`; `other` row-broadcast.
  public func combined(_ a: Float, with other: View, _ b: Float) -> Tensor {
    checkBroadcast(other, "combination")
    return backend.combine(a, self, b, other)
  }

  /// `self * other`; `other` row-broadcast.
  public func multiplied(by other: View) -> Tensor {
    checkBroadcast(other, "product")
    return backend.multiply(self, other)
  }

  public static func + (x: Tensor, y: Tensor) -> Tensor { x.combined(1, with: y.view, 1) }
  public static func + (x: Tensor, y: View) -> Tensor { x.combined(1, with: y, 1) }
  public static func - (x: Tensor, y: Tensor) -> Tensor { x.combined(1, with: y.view, -1) }
  public static func * (x: Tensor, y: Tensor) -> Tensor { x.multiplied(by: y.view) }
  public static func * (x: Tensor, factor: Float) -> Tensor {
    x.backend.affine(x, multiply: factor, add: 0)
  }
  public static func + (x: Tensor, term: Float) -> Tensor {
    x.backend.affine(x, multiply: 1, add: term)
  }

  /// [B, R, C] -> [B, C, R] (rank 2: B = 1, rank kept).
  public func transposed() -> Tensor {
    precondition(shape.rank == 2 || shape.rank == 3, "transpose of rank \(shape.rank)")
    if shape.rank == 3 { return backend.transpose(self) }
    let result = backend.transpose(reshaped([1, shape[0], shape[1]]))
    return result.reshaped([shape[1], shape[0]])
  }

  private func checkBroadcast(_ view: View?, _ what: String) {
    guard let view else { return }
    precondition(view.channels == channels, "\(what): \(view.channels) channels for \(shape)")
    precondition(view.rows == 1 || view.rows == rows, "\(what): \(view.rows) rows for \(shape)")
  }
}

// MARK: Convolutions

extension Tensor {
  /// [B, T, in] or [T, in]; weight [out, kernel, in / groups] -> [B, T', out] of the same rank.
  public func conv1d(
    _ weight: Tensor, bias: Tensor? = nil, _ geometry: Convolution1D,
    epilogue: Epilogue = .none, precision: ProductPrecision = .float
  ) -> Tensor {
    precondition(
      weight.shape.rank == 3 && weight.shape[2] * geometry.groups == channels
        && weight.shape[0] % geometry.groups == 0,
      "conv1d: \(shape) with a weight \(weight.shape) in \(geometry.groups) groups")
    precondition(bias == nil || bias?.shape.count == weight.shape[0], "conv1d: bias")
    let x = batched("conv1d")
    let length = geometry.outputLength(x.shape[1], kernel: weight.shape[1])
    epilogue.check([x.shape[0] * length, weight.shape[0]])
    switch precision {
    case .float:
      return backend.conv1d(x, weight: weight, bias: bias, geometry, epilogue: epilogue)
        .unbatched(like: self)
    case .int8:
      weight.checkQuantised(depth: channels)
      precondition(geometry.groups == 1, "conv1d: groups in integers")
      return backend.integerConv1d(x, weight: weight, bias: bias, geometry, epilogue: epilogue)
        .unbatched(like: self)
    }
  }

  /// [B, T, C] or [T, C]; weight [kernel, C].
  public func depthwiseConv1d(
    _ weight: Tensor, bias: Tensor? = nil, _ geometry: Convolution1D
  ) -> Tensor {
    precondition(
      weight.shape.rank == 2 && weight.shape[1] == channels,
      "depthwiseConv1d: \(shape) with a weight \(weight.shape)")
    precondition(bias == nil || bias?.shape.count == channels, "depthwiseConv1d: bias")
    return backend.depthwiseConv1d(batched("depthwiseConv1d"), weight: weight, bias: bias, geometry)
      .unbatched(like: self)
  }

  /// [B, T, in] or [T, in]; weight [kernel, out, in].
  public func convTranspose1d(
    _ weight: Tensor, bias: Tensor? = nil, _ geometry: TransposedConvolution1D
  ) -> Tensor {
    precondition(
      weight.shape.rank == 3 && weight.shape[2] == channels,
      "convTranspose1d: \(shape) with a weight \(weight.shape)")
    precondition(bias == nil || bias?.shape.count == weight.shape[1], "convTranspose1d: bias")
    return backend.convTranspose1d(batched("convTranspose1d"), weight: weight, bias: bias, geometry)
      .unbatched(like: self)
  }

  /// [B, H, W, in]; weight [out, kh, kw, in].
  public func conv2d(
    _ weight: Tensor, bias: Tensor? = nil, _ geometry: Convolution2D,
    activation: Activation = .identity
  ) -> Tensor {
    precondition(
      shape.rank == 4 && weight.shape.rank == 4 && weight.shape[3] == channels,
      "conv2d: \(shape) with a weight \(weight.shape)")
    precondition(bias == nil || bias?.shape.count == weight.shape[0], "conv2d: bias")
    return backend.conv2d(self, weight: weight, bias: bias, geometry, activation: activation)
  }

  /// [B, H, W, C]; weight [kh, kw, C].
  public func depthwiseConv2d(
    _ weight: Tensor, bias: Tensor? = nil, _ geometry: Convolution2D,
    activation: Activation = .identity
  ) -> Tensor {
    precondition(
      shape.rank == 4 && weight.shape.rank == 3 && weight.shape[2] == channels,
      "depthwiseConv2d: \(shape) with a weight \(weight.shape)")
    precondition(bias == nil || bias?.shape.count == channels, "depthwiseConv2d: bias")
    return backend.depthwiseConv2d(
      self, weight: weight, bias: bias, geometry, activation: activation)
  }

  /// [B, .., C] -> [B, C].
  public func globalAveragePool() -> Tensor {
    precondition(shape.rank >= 3, "globalAveragePool of rank \(shape.rank)")
    return backend.globalAveragePool(self)
  }

  private func batched(_ what: String) -> Tensor {
    precondition(shape.rank == 2 || shape.rank == 3, "\(what) of rank \(shape.rank)")
    return shape.rank == 3 ? self : reshaped([1, shape[0], shape[1]])
  }

  private func unbatched(like original: Tensor) -> Tensor {
    original.shape.rank == 3 ? self : reshaped([shape[1], shape[2]])
  }
}

// MARK: Views

extension View {
  /// Batch entries and rows of each: the first dimension of a rank-3 tensor is the batch.
  var batchAndLength: (batch: Int, length: Int) {
    let shape = tensor.shape
    return shape.rank == 3 && rowIndex == nil ? (shape[0], shape[1]) : (1, rows)
  }

  /// Per-head root-mean-square norm, then rotation; see `Backend.rmsNormRotary`.
  public func rmsNormRotary(
    heads: Int, weight: Tensor?, epsilon: Float, rotary: RotaryTable? = nil
  ) -> Tensor {
    precondition(channels % heads == 0, "\(channels) channels in \(heads) heads")
    precondition(weight == nil || weight?.shape.count == channels / heads, "rmsNorm: weight")
    if let rotary {
      precondition(
        rotary.cosines.shape[1] * 2 == channels / heads && rotary.cosines.shape[0] > 0
          && rows % rotary.cosines.shape[0] == 0,
        "rotary table \(rotary.cosines.shape) for \(rows) rows of heads of \(channels / heads)")
    }
    return tensor.backend.rmsNormRotary(
      self, heads: heads, weight: weight, epsilon: epsilon, rotary: rotary)
  }

  /// The viewed elements as a tensor of their own, rank 2 unless the tensor's leading dimensions fit.
  public func copied() -> Tensor {
    let shape =
      rowIndex == nil ? tensor.shape.withChannels(channels) : Shape([rows, channels])
    return tensor.backend.gather(self, shape: shape)
  }

  /// Softmax attention with this view as the queries; see `Backend.attention`.
  ///
  /// - Parameter scale: factor of the scores; 1/sqrt(D) where not given.
  public func attend(
    keys: View, values: View, heads: Int, scale: Float? = nil, keyLengths: [Int]? = nil
  ) -> Tensor {
    precondition(
      channels % heads == 0 && keys.channels == channels && values.channels == channels,
      "attention: \(channels), \(keys.channels), \(values.channels) channels in \(heads) heads")
    let (batch, length) = keys.batchAndLength
    precondition(
      batchAndLength.batch == batch && values.batchAndLength == (batch, length),
      "attention: queries \(tensor.shape), keys \(keys.tensor.shape), values \(values.tensor.shape)"
    )
    precondition(rowIndex == nil && keys.rowIndex == nil && values.rowIndex == nil)
    if let keyLengths {
      precondition(
        keyLengths.count == batch && keyLengths.allSatisfy { (0...length).contains($0) },
        "attention: key lengths \(keyLengths) for \(batch) times \(length) keys")
    }
    return tensor.backend.attention(
      query: self, key: keys, value: values, heads: heads,
      scale: scale ?? 1 / Float(channels / heads).squareRoot(), keyLengths: keyLengths)
  }

  /// Softmax attention inside groups, scores divided by sqrt(D); see `Backend.dividedAttention`.
  public func attend(
    keys: View, values: View, heads: Int, division: TokenDivision
  ) -> Tensor {
    precondition(
      channels % heads == 0 && keys.channels == channels && values.channels == channels,
      "attention: \(channels), \(keys.channels), \(values.channels) channels in \(heads) heads")
    precondition(
      [self, keys, values].allSatisfy {
        $0.rowIndex == nil && $0.batchAndLength.length == division.tokens
          && $0.batchAndLength.batch == batchAndLength.batch
      },
      "attention: queries \(tensor.shape), keys \(keys.tensor.shape), values \(values.tensor.shape) "
        + "for \(division.tokens) tokens")
    return tensor.backend.dividedAttention(
      query: self, key: keys, value: values, heads: heads,
      scale: 1 / Float(channels / heads).squareRoot(), division: division)
  }
}

/// Views over [B, Ti, C] joined along T -> [B, ΣTi, C].
public func concatenatedRows(_ parts: [View]) -> Tensor {
  precondition(!parts.isEmpty, "nothing to concatenate")
  let batch = parts[0].batchAndLength.batch
  precondition(
    parts.allSatisfy { $0.channels == parts[0].channels && $0.batchAndLength.batch == batch },
    "concatenatedRows: unequal parts")
  return parts[0].tensor.backend.concatenateRows(parts, batch: batch)
}

/// Views of equal row count joined along the channels.
public func concatenatedColumns(_ parts: [View]) -> Tensor {
  precondition(!parts.isEmpty, "nothing to concatenate")
  precondition(parts.allSatisfy { $0.rows == parts[0].rows }, "concatenatedColumns: unequal parts")
  let channels = parts.reduce(0) { $0 + $1.channels }
  let first = parts[0]
  let shape =
    first.rowIndex == nil ? first.tensor.shape.withChannels(channels) : [first.rows, channels]
  return first.tensor.backend.concatenateColumns(parts, shape: shape)
}

extension Epilogue {
  fileprivate func check(_ output: Shape) {
    if let residual {
      precondition(residual.shape.count == output.count, "residual \(residual.shape) for \(output)")
    }
    if let gate {
      precondition(
        gate.channels == output.channels && (gate.rows == 1 || gate.rows == output.rows),
        "gate of \(gate.rows) rows, \(gate.channels) channels for \(output)")
    }
    if let snake {
      precondition(
        snake.alpha.shape.count == output.channels,
        "snake of \(snake.alpha.shape) for \(output)")
    }
  }
}

// MARK: Making tensors

extension Backend {
  /// Uploads f32 elements, row-major.
  public func tensor(_ elements: [Float], _ shape: Shape) -> Tensor {
    upload(HostTensor(copying: elements, shape: shape, dtype: .f32))
  }

  /// Uploads a row index (see `View`).
  public func rowIndex(_ rows: [Int]) -> Tensor {
    upload(HostTensor(copying: rows.map { Int32($0) }, shape: [rows.count], dtype: .i32))
  }
}
