// Rearranging weights in host memory, once, when a layer is made: the order the file has is rarely the
// order the arithmetic wants.

extension HostTensor {
  /// Every element as f32, row scales applied.
  public func floats() -> [Float] {
    let count = shape.count
    let result = [Float](unsafeUninitializedCapacity: count) { out, initialized in
      switch dtype {
      case .f32: fill(out, Float.self) { $0 }
      case .f64: fill(out, Double.self) { Float($0) }
      case .f16: fill(out, UInt16.self) { Float(Float16(bitPattern: $0)) }
      case .bf16: fill(out, UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
      case .i8: fill(out, Int8.self) { Float($0) }
      case .u8: fill(out, UInt8.self) { Float($0) }
      case .i32: fill(out, Int32.self) { Float($0) }
      case .i64: fill(out, Int64.self) { Float($0) }
      }
      initialized = count
    }
    guard let rowScales, shape.rank > 0, shape[0] > 0 else { return result }
    let width = count / shape[0]
    var scaled = result
    for row in 0..<shape[0] {
      for index in row * width..<(row + 1) * width { scaled[index] *= rowScales[row] }
    }
    return scaled
  }

  private func fill<Element: BitwiseCopyable>(
    _ out: UnsafeMutableBufferPointer<Float>, _ type: Element.Type, _ convert: (Element) -> Float
  ) {
    for index in 0..<shape.count {
      out[index] = convert(
        bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Element>.size, as: type))
    }
  }

  /// The same values stored as f32.
  public func widened() -> HostTensor {
    dtype == .f32 ? self : HostTensor(copying: floats(), shape: shape, dtype: .f32)
  }

  /// The same elements under another shape whose first dimension is unchanged where rows have scales.
  public func reshaped(_ newShape: Shape) -> HostTensor {
    precondition(newShape.count == shape.count, "\(shape) cannot become \(newShape)")
    precondition(rowScales == nil || newShape[0] == shape[0])
    return HostTensor(
      shape: newShape, dtype: dtype, bytes: bytes, owner: owner, rowScales: rowScales)
  }

  /// Axes in another order: dimension i of the result is dimension `order[i]` of this tensor.
  /// Row scales survive while the first axis stays first; otherwise values are widened to f32.
  public func permuted(_ order: [Int]) -> HostTensor {
    precondition(order.sorted() == Array(0..<shape.rank), "permutation \(order) of \(shape)")
    if rowScales != nil && order[0] != 0 { return widened().permuted(order) }
    if order == [0, 2, 1] { return rowsTransposed() }
    var strides = [Int](repeating: 1, count: shape.rank)
    for axis in stride(from: shape.rank - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    let newShape = Shape(order.map { shape[$0] })
    let sourceStrides = order.map { strides[$0] }
    let size = dtype.size
    let memory = HostMemory(size: shape.count * size)
    var index = [Int](repeating: 0, count: shape.rank)
    for target in 0..<shape.count {
      var source = 0
      for axis in 0..<index.count { source += index[axis] * sourceStrides[axis] }
      (memory.bytes.baseAddress! + target * size)
        .copyMemory(from: bytes.baseAddress! + source * size, byteCount: size)
      var axis = index.count - 1
      while axis >= 0 {
        index[axis] += 1
        if index[axis] < newShape[axis] { break }
        index[axis] = 0
        axis -= 1
      }
    }
    return HostTensor(
      shape: newShape, dtype: dtype, bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory,
      rowScales: rowScales)
  }

  /// [R, I, K] -> [R, K, I]: what checkpoints' convolutions need, and too many elements for a loop over axes.
  private func rowsTransposed() -> HostTensor {
    let memory = HostMemory(size: bytes.count)
    switch dtype.size {
    case 1: transposeRows(UInt8.self, into: memory)
    case 2: transposeRows(UInt16.self, into: memory)
    case 4: transposeRows(UInt32.self, into: memory)
    default: transposeRows(UInt64.self, into: memory)
    }
    return HostTensor(
      shape: [shape[0], shape[2], shape[1]], dtype: dtype,
      bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory, rowScales: rowScales)
  }

  private func transposeRows<Element: BitwiseCopyable>(
    _ type: Element.Type, into memory: HostMemory
  ) {
    let (rows, inner, outer) = (shape[0], shape[1], shape[2])
    let size = MemoryLayout<Element>.size
    for row in 0..<rows {
      for k in 0..<outer {
        for i in 0..<inner {
          let element = bytes.loadUnaligned(
            fromByteOffset: ((row * inner + i) * outer + k) * size, as: type)
          memory.bytes.storeBytes(
            of: element, toByteOffset: ((row * outer + k) * inner + i) * size, as: type)
        }
      }
    }
  }

  /// Rows (entries of the first dimension) in another order: row i of the result is row `order[i]`.
  public func pickingRows(_ order: [Int]) -> HostTensor {
    let width = shape[0] == 0 ? 0 : shape.count / shape[0] * dtype.size
    let memory = HostMemory(size: order.count * width)
    for (target, source) in order.enumerated() where width > 0 {
      precondition(source >= 0 && source < shape[0])
      (memory.bytes.baseAddress! + target * width)
        .copyMemory(from: bytes.baseAddress! + source * width, byteCount: width)
    }
    return HostTensor(
      shape: shape.replacing(axis: 0, with: order.count), dtype: dtype,
      bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory,
      rowScales: rowScales.map { scales in order.map { scales[$0] } })
  }

  /// Tensors that agree in all but the first dimension, one after the other. Parts of different
  /// storage are widened to f32.
  public static func joiningRows(_ parts: [HostTensor]) -> HostTensor {
    precondition(!parts.isEmpty)
    let alike = parts.allSatisfy {
      $0.dtype == parts[0].dtype && ($0.rowScales == nil) == (parts[0].rowScales == nil)
    }
    let parts = alike ? parts : parts.map { $0.widened() }
    let rows = parts.reduce(0) { $0 + $1.shape[0] }
    let memory = HostMemory(size: parts.reduce(0) { $0 + $1.bytes.count })
    var offset = 0
    for part in parts where part.bytes.count > 0 {
      (memory.bytes.baseAddress! + offset)
        .copyMemory(from: part.bytes.baseAddress!, byteCount: part.bytes.count)
      offset += part.bytes.count
    }
    return HostTensor(
      shape: parts[0].shape.replacing(axis: 0, with: rows), dtype: parts[0].dtype,
      bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory,
      rowScales: parts[0].rowScales == nil ? nil : parts.flatMap { $0.rowScales ?? [] })
  }
}
