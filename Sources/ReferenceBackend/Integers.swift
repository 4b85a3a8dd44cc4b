import Tensors

extension Reference {
  /// Numbers of a row rounded to integers of at most 127, and what they are multiplied with afterwards.
  private struct RoundedRow {
    let values: [Int]
    let scale: Float

    init(_ row: ArraySlice<Float>) {
      let top = row.reduce(0) { $1.isNaN || $0.isNaN ? .nan : max($0, abs($1)) }
      let small = top < 0x1p-100
      let factor = small ? 0 : 127 / top
      values = row.map { value in
        let scaled = value * factor
        return scaled.isFinite ? Int(scaled.rounded(.toNearestOrEven)) : 0
      }
      scale = small ? 0 : top / 127
    }
  }

  /// Each of `rows` equal parts.
  private func rounded(_ elements: [Float], rows: Int) -> [RoundedRow] {
    let width = elements.count / max(1, rows)
    return (0..<rows).map { RoundedRow(elements[$0 * width..<($0 + 1) * width]) }
  }

  public func quantise(_ weight: Tensor) -> Tensor {
    let rows = rounded(weight.floats(), rows: weight.shape[0])
    return upload(
      HostTensor(
        copying: rows.flatMap { row in row.values.map { Int8($0) } }, shape: weight.shape,
        dtype: .i8, rowScales: rows.map(\.scale)))
  }

  public func integerLinear(_ x: Tensor, weight: Tensor, bias: Tensor?, epilogue: Epilogue)
    -> Tensor
  {
    let product = integerProduct(
      x, batch: 1, length: x.rows, weight, kernel: 1, bias, Convolution1D(), epilogue)
    return product.reshaped(x.shape.withChannels(weight.shape[0]))
  }

  public func integerConv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D, epilogue: Epilogue
  ) -> Tensor {
    integerProduct(
      x, batch: x.shape[0], length: x.shape[1], weight, kernel: weight.shape[1], bias, geometry,
      epilogue)
  }

  private func integerProduct(
    _ x: Tensor, batch: Int, length: Int, _ weight: Tensor, kernel: Int, _ bias: Tensor?,
    _ geometry: Convolution1D, _ epilogue: Epilogue
  ) -> Tensor {
    let (depth, output) = (x.channels, weight.shape[0])
    let places = rounded(x.floats(), rows: batch * length)
    let scales = weight.scale!.tensor.floats()
    // The stored integers: without their scales they are exact as floats.
    let stored = Tensor(
      buffer: weight.buffer, offset: weight.offset, shape: weight.shape, dtype: .i8)
    let (w, b) = (stored.floats().map { Int($0) }, bias?.floats())
    let rows = geometry.outputLength(length, kernel: kernel)
    return finished([batch, rows, output], epilogue) { row, out in
      let (entry, t) = (row / rows, row % rows)
      var sum = Double(b?[out] ?? 0)
      for k in 0..<kernel {
        let source = t * geometry.stride + k * geometry.dilation - geometry.paddingBefore
        guard source >= 0 && source < length else { continue }
        let place = places[entry * length + source]
        let integer = (0..<depth).reduce(0) {
          $0 + place.values[$1] * w[(out * kernel + k) * depth + $1]
        }
        sum += Double(integer) * Double(place.scale) * Double(scales[out])
      }
      return sum
    }
  }
}
