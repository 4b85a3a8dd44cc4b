import Tensors

/// What a checkpoint says of one storage: a run of elements that one or more tensors look into.
struct PickledStorage: Equatable, Sendable {
  /// Names the record that has the elements, `data/<key>`.
  let key: String
  let dtype: DType
  /// Number of elements.
  let count: Int
}

/// What a checkpoint says of one tensor: which elements of a storage it consists of, in what order.
public struct PickledTensor: Equatable, Sendable {
  let storage: PickledStorage
  /// First element in the storage.
  let offset: Int
  /// As declared, not yet checked.
  let dimensions: [Int]
  /// Elements to the next entry, for each dimension.
  let strides: [Int]

  public var dtype: DType { storage.dtype }

  /// The layout, once it is certain that every element lies in the storage.
  ///
  /// - Parameter limit: bytes the elements may take when they have to be copied out one by one, which
  ///   strides of 0 can make many of few.
  func layout(of key: String, limit: Int) throws(Malformation) -> StridedLayout {
    guard strides.count == dimensions.count else {
      throw Malformation(
        "tensor \(key.quoted) has \(dimensions.count) dimensions and \(strides.count) strides")
    }
    let shape = try Shape(declared: dimensions, of: key, dtype: dtype)
    guard offset >= 0, offset <= storage.count else {
      throw Malformation(
        "tensor \(key.quoted) begins at element \(offset) of a storage of \(storage.count)")
    }
    guard strides.allSatisfy({ $0 >= 0 }) else {
      throw Malformation("tensor \(key.quoted) has a negative stride")
    }
    if shape.count > 0 {
      var last = offset
      for (extent, stride) in zip(dimensions, strides) {
        let (distance, overflow) = (extent - 1).multipliedReportingOverflow(by: stride)
        let (sum, carry) = last.addingReportingOverflow(distance)
        guard !overflow, !carry, sum < storage.count else { throw beyondStorage(key, shape) }
        last = sum
      }
      guard last < storage.count else { throw beyondStorage(key, shape) }
    }
    let layout = StridedLayout(shape: shape, strides: strides, offset: offset)
    guard layout.isContiguous || shape.count * dtype.size <= limit else {
      throw Malformation(
        "tensor \(key.quoted) of shape \(shape) would unfold a storage of \(storage.count) "
          + "elements to \(shape.count * dtype.size) bytes")
    }
    return layout
  }

  private func beyondStorage(_ key: String, _ shape: Shape) -> Malformation {
    Malformation(
      "tensor \(key.quoted) of shape \(shape) reaches beyond its storage of \(storage.count) elements"
    )
  }
}

/// Elements of a run picked by strides, all of them inside it.
struct StridedLayout: Sendable {
  let shape: Shape
  let strides: [Int]
  let offset: Int

  /// Whether the elements lie one after the other in row-major order.
  var isContiguous: Bool {
    var expected = 1
    for axis in (0..<shape.rank).reversed() where shape[axis] != 1 {
      if strides[axis] != expected { return shape.count == 0 }
      expected *= shape[axis]
    }
    return true
  }

  /// The elements in row-major order, copied.
  func copied(from source: UnsafeRawBufferPointer, elementSize: Int) -> HostMemory {
    let memory = HostMemory(size: shape.count * elementSize)
    switch elementSize {
    case 1: copy(source, into: memory, UInt8.self)
    case 2: copy(source, into: memory, UInt16.self)
    case 4: copy(source, into: memory, UInt32.self)
    default:
      precondition(elementSize == 8, "elements of \(elementSize) bytes")
      copy(source, into: memory, UInt64.self)
    }
    return memory
  }

  private func copy<Element: BitwiseCopyable>(
    _ source: UnsafeRawBufferPointer, into memory: HostMemory, _ type: Element.Type
  ) {
    let width = MemoryLayout<Element>.size
    let length = shape.channels
    let step = (strides.last ?? 1) * width
    var index = [Int](repeating: 0, count: max(0, shape.rank - 1))
    var target = 0
    for _ in 0..<(length == 0 ? 0 : shape.rows) {
      var element = offset
      for axis in 0..<index.count { element += index[axis] * strides[axis] }
      var byte = element * width
      for _ in 0..<length {
        memory.bytes.storeBytes(
          of: source.loadUnaligned(fromByteOffset: byte, as: type), toByteOffset: target, as: type)
        byte += step
        target += width
      }
      for axis in index.indices.reversed() {
        index[axis] += 1
        if index[axis] < shape[axis] { break }
        index[axis] = 0
      }
    }
  }
}
