/// An immutable n-dimensional array on some backend.
///
/// Always contiguous, last dimension fastest. Copying a tensor copies a reference. A tensor knows its
/// backend through its buffer, so layers never name a device: `linear(x)`, `x + y`.
public struct Tensor: Sendable {
  public let buffer: any Buffer
  /// Offset of the first element in the buffer, in bytes.
  public let offset: Int
  public let shape: Shape
  public let dtype: DType
  /// One f32 factor per row of an i8 matrix: element (r, c) means `scale[r] * Float(stored[r, c])`.
  public let scale: SharedTensor?

  public init(
    buffer: any Buffer, offset: Int = 0, shape: Shape, dtype: DType = .f32, scale: Tensor? = nil
  ) {
    precondition(
      offset >= 0 && offset + shape.count * dtype.size <= buffer.size,
      "tensor \(shape) of \(dtype) at byte \(offset) of a buffer of \(buffer.size) bytes")
    self.buffer = buffer
    self.offset = offset
    self.shape = shape
    self.dtype = dtype
    self.scale = scale.map(SharedTensor.init)
  }

  public var backend: any Backend { buffer.backend }
  public var rows: Int { shape.rows }
  public var channels: Int { shape.channels }

  /// The same elements under another shape; free.
  public func reshaped(_ shape: Shape) -> Tensor {
    precondition(shape.count == self.shape.count, "\(self.shape) cannot become \(shape)")
    precondition(scale == nil, "a tensor with row scales keeps its shape")
    return Tensor(buffer: buffer, offset: offset, shape: shape, dtype: dtype)
  }

  /// Entries of the first dimension; free, shares the buffer.
  public subscript(range: Range<Int>) -> Tensor {
    precondition(
      shape.rank > 0 && range.lowerBound >= 0 && range.upperBound <= shape[0],
      "entries \(range) of \(shape)")
    precondition(scale == nil, "a tensor with row scales cannot be cut")
    let stride = shape[0] == 0 ? 0 : shape.count / shape[0]
    return Tensor(
      buffer: buffer, offset: offset + range.lowerBound * stride * dtype.size,
      shape: shape.replacing(axis: 0, with: range.count), dtype: dtype)
  }

  /// Every element as f32, in row-major order, in host memory. Waits for the device.
  public func floats() -> [Float] { backend.download(self) }
}

/// A tensor behind a reference, so that a tensor can hold one (its row scales).
public final class SharedTensor: Sendable {
  public let tensor: Tensor
  init(_ tensor: Tensor) { self.tensor = tensor }
}

/// Adjacent columns of a tensor, optionally with its rows picked by an index: what operations read
/// in place of copies.
///
/// `qkv.columns(0..<width)` is the queries inside a packed projection; `modulation.chunk(2, of: 6)`
/// is one of six vectors that one matrix product made. `picking(rows:)` lets many tokens share one
/// row. Where an operation combines a view with a tensor of more rows, a view of one row serves all
/// of them.
public struct View: Sendable {
  public let tensor: Tensor
  public let columns: Range<Int>
  /// i32, one entry per row of the result; nil: the tensor's rows as they are.
  public let rowIndex: Tensor?

  public init(_ tensor: Tensor, columns: Range<Int>? = nil, rowIndex: Tensor? = nil) {
    let columns = columns ?? 0..<tensor.channels
    precondition(
      columns.lowerBound >= 0 && columns.upperBound <= tensor.channels,
      "columns \(columns) of \(tensor.shape)")
    precondition(rowIndex == nil || rowIndex?.dtype == .i32, "a row index is i32")
    self.tensor = tensor
    self.columns = columns
    self.rowIndex = rowIndex
  }

  public var rows: Int { rowIndex?.shape.count ?? tensor.rows }
  public var channels: Int { columns.count }

  /// The same columns with rows picked by `index`, i32, entries below the tensor's row count.
  public func picking(rows index: Tensor?) -> View {
    View(tensor, columns: columns, rowIndex: index)
  }
}

extension Tensor {
  /// The tensor as a view, where an operation takes one.
  public var view: View { View(self) }

  public func columns(_ range: Range<Int>) -> View { View(self, columns: range) }

  /// Part `index` of `count` equal parts of the channels.
  public func chunk(_ index: Int, of count: Int) -> View {
    precondition(channels % count == 0, "\(channels) channels in \(count) parts")
    let width = channels / count
    return View(self, columns: index * width..<(index + 1) * width)
  }
}
