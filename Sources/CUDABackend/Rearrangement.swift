import CCuda
import CUDADevice
import Tensors

extension CUDABackend {
  public func gather(_ view: View, shape: Shape) -> Tensor {
    gather(view, shape: shape, use: .passing)
  }

  func gather(_ view: View, shape: Shape, use: DevicePool.Use) -> Tensor {
    let table = view.tensor
    guard table.dtype.storage != nil else {
      // Whole numbers: rare, so not worth a kernel.
      let widened = tensor(table.floats(), table.shape)
      return gather(
        View(widened, columns: view.columns, rowIndex: view.rowIndex), shape: shape, use: use)
    }
    if let scale = table.scale?.tensor, table.rows != scale.shape.count {
      // Factors belong to entries of the first dimension, which are several rows here.
      let matrix = Tensor(
        buffer: table.buffer, offset: table.offset,
        shape: [scale.shape.count, table.shape.count / max(1, scale.shape.count)],
        dtype: table.dtype, scale: scale)
      let widened = gather(matrix.view, shape: matrix.shape).reshaped(table.shape)
      return gather(
        View(widened, columns: view.columns, rowIndex: view.rowIndex), shape: shape, use: use)
    }
    let operation = Operation(self)
    let first = view.columns.lowerBound * table.dtype.size
    var p = FoleyCudaRearrangement()
    p.x = FoleyCudaView(
      base: operation.pointer(to: table) + first, index: operation.index(of: view),
      stride: Int64(table.channels), storage: table.dtype.storage!)
    p.rowScales = operation.floats(table.scale?.tensor)
    let result = operation.result(shape, use: use)
    p.out = operation.target(result)
    copy(p, rows: view.rows, columns: view.channels, operation)
    return result
  }

  /// - Parameters:
  ///   - p: where from and where to.
  ///   - entryRows: rows of a part's entry, if they go to entries of `outEntryRows`.
  private func copy(
    _ p: FoleyCudaRearrangement, rows: Int, columns: Int, entryRows: Int? = nil,
    outEntryRows: Int? = nil, _ operation: Operation
  ) {
    var p = p
    p.rows = Int64(rows)
    p.columns = Int32(columns)
    p.entryRows = Int64(entryRows ?? rows)
    p.outEntryRows = Int64(outEntryRows ?? rows)
    operation.launch(
      kernels.gather, p, foley_cuda_launch_elements(p.rows, Int64(p.columns)))
  }

  public func concatenateRows(_ parts: [View], batch: Int) -> Tensor {
    let operation = Operation(self)
    let width = parts[0].channels
    let lengths = parts.map { batch == 0 ? 0 : $0.rows / batch }
    let length = lengths.reduce(0, +)
    let views = parts.map { operation.view($0) }
    let result = operation.result([batch, length, width])
    var start = 0
    for (view, count) in zip(views, lengths) {
      var p = FoleyCudaRearrangement()
      p.x = view
      p.out = operation.target(result, column: start * width)
      copy(
        p, rows: batch * count, columns: width, entryRows: count, outEntryRows: length, operation)
      start += count
    }
    return result
  }

  public func concatenateColumns(_ parts: [View], shape: Shape) -> Tensor {
    let operation = Operation(self)
    let views = parts.map { operation.view($0) }
    let result = operation.result(shape)
    var start = 0
    for (view, part) in zip(views, parts) {
      var p = FoleyCudaRearrangement()
      p.x = view
      p.out = operation.target(result, column: start)
      copy(p, rows: part.rows, columns: part.channels, operation)
      start += part.channels
    }
    return result
  }

  public func transpose(_ x: Tensor) -> Tensor {
    let operation = Operation(self)
    var p = FoleyCudaRearrangement()
    p.x = operation.view(x.view)
    let result = operation.result([x.shape[0], x.shape[2], x.shape[1]])
    p.out = operation.target(result)
    p.batch = Int32(x.shape[0])
    p.rows = Int64(x.shape[1])
    p.columns = Int32(x.shape[2])
    operation.launch(
      kernels.transpose, p, foley_cuda_launch_transpose(Int64(p.batch), p.rows, Int64(p.columns)))
    return result
  }
}
