// Rearranging weights in host memory, once, when a layer is made: the order the file has is rarely the
// order the arithmetic wants. What has been copied out of a file gives its pages back, so that a large file
// need not be in memory twice.

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
    guard dtype != .f32 else { return self }
    if isZeros { return HostTensor(zeros: shape, dtype: .f32) }
    defer { releasePages() }
    return HostTensor(copying: floats(), shape: shape, dtype: .f32)
  }

  /// The same values stored as bf16, rounded to nearest, halves to even.
  public func narrowed() -> HostTensor {
    guard dtype != .bf16 else { return self }
    if isZeros { return HostTensor(zeros: shape, dtype: .bf16) }
    defer { releasePages() }
    let memory = HostMemory(size: shape.count * DType.bf16.size)
    let out = memory.bytes.bindMemory(to: UInt16.self)
    if dtype == .f32 {
      for index in 0..<shape.count {
        out[index] = HostTensor.bf16(
          bytes.loadUnaligned(fromByteOffset: 4 * index, as: Float.self))
      }
    } else {
      for (index, value) in floats().enumerated() { out[index] = HostTensor.bf16(value) }
    }
    return HostTensor(
      shape: shape, dtype: .bf16, bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory)
  }

  @inline(__always)
  private static func bf16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    // Rounding could carry the digits of what is not a number into infinity.
    guard !value.isNaN else { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
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
    let newShape = Shape(order.map { shape[$0] })
    if let zeros = zeros(newShape) { return zeros }
    var strides = [Int](repeating: 1, count: shape.rank)
    for axis in stride(from: shape.rank - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    let memory = HostMemory(size: shape.count * dtype.size)
    let sourceStrides = order.map { strides[$0] }
    switch dtype.size {
    case 1: gather(into: memory, newShape, sourceStrides, UInt8.self)
    case 2: gather(into: memory, newShape, sourceStrides, UInt16.self)
    case 4: gather(into: memory, newShape, sourceStrides, UInt32.self)
    default: gather(into: memory, newShape, sourceStrides, UInt64.self)
    }
    releasePages()
    return HostTensor(
      shape: newShape, dtype: dtype, bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory,
      rowScales: rowScales)
  }

  /// Fills `memory` with elements of the given strides, in row-major order of `newShape`.
  private func gather<Element: BitwiseCopyable>(
    into memory: HostMemory, _ newShape: Shape, _ strides: [Int], _ type: Element.Type
  ) {
    let width = MemoryLayout<Element>.size
    let length = newShape.channels
    guard newShape.count > 0, let source = bytes.baseAddress else { return }
    let step = (strides.last ?? 1) * width
    var index = [Int](repeating: 0, count: max(0, newShape.rank - 1))
    var target = memory.bytes.baseAddress!
    for _ in 0..<newShape.rows {
      var from = source
      for axis in index.indices { from += index[axis] * strides[axis] * width }
      for _ in 0..<length {
        target.storeBytes(of: from.loadUnaligned(as: type), as: type)
        from += step
        target += width
      }
      for axis in index.indices.reversed() {
        index[axis] += 1
        if index[axis] < newShape[axis] { break }
        index[axis] = 0
      }
    }
  }

  /// Rows (entries of the first dimension) in another order: row i of the result is row `order[i]`.
  public func pickingRows(_ order: [Int]) -> HostTensor {
    if let zeros = zeros(shape.replacing(axis: 0, with: order.count)) { return zeros }
    let width = shape[0] == 0 ? 0 : shape.count / shape[0] * dtype.size
    let memory = HostMemory(size: order.count * width)
    for (target, source) in order.enumerated() where width > 0 {
      precondition(source >= 0 && source < shape[0])
      (memory.bytes.baseAddress! + target * width)
        .copyMemory(from: bytes.baseAddress! + source * width, byteCount: width)
    }
    releasePages()
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
    if parts.allSatisfy(\.isZeros),
      let zeros = parts[0].zeros(parts[0].shape.replacing(axis: 0, with: rows))
    {
      return zeros
    }
    let memory = HostMemory(size: parts.reduce(0) { $0 + $1.bytes.count })
    var offset = 0
    for part in parts where part.bytes.count > 0 {
      (memory.bytes.baseAddress! + offset)
        .copyMemory(from: part.bytes.baseAddress!, byteCount: part.bytes.count)
      offset += part.bytes.count
      part.releasePages()
    }
    return HostTensor(
      shape: parts[0].shape.replacing(axis: 0, with: rows), dtype: parts[0].dtype,
      bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory,
      rowScales: parts[0].rowScales == nil ? nil : parts.flatMap { $0.rowScales ?? [] })
  }
}
