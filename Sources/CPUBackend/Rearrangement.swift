import CKernels
import Tensors

extension CPUBackend {
  public func gather(_ view: View, shape: Shape) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let table = view.tensor
    guard let storage = table.dtype.storage else {
      // Integers and doubles: rare, so not worth a kernel.
      let widened = tensor(table.floats(), table.shape)
      return gather(View(widened, columns: view.columns, rowIndex: view.rowIndex), shape: shape)
    }
    let (tensor, out) = result(shape)
    let (width, stride, size) = (view.channels, table.channels, table.dtype.size)
    let index = view.rowIndex?.indices(below: table.rows)
    let first = table.hostBytes + view.columns.lowerBound * size
    let scales = operands.floats(table.scale?.tensor)
    // Scales belong to entries of the first dimension.
    let rowsPerScale = scales == nil ? 1 : max(1, table.rows / max(1, table.shape[0]))
    let copies = storage == FoleyF32 && index == nil && width == stride
    let widen = kernels.pointee.widen
    eachRange(of: view.rows, width: width) { rows in
      if copies {
        (out + rows.lowerBound * width).update(
          from: first.assumingMemoryBound(to: Float.self) + rows.lowerBound * width,
          count: rows.count * width)
        return
      }
      for row in rows {
        let source = index.map { Int($0[row]) } ?? row
        widen(
          first + source * stride * size, storage, scales?[source / rowsPerScale] ?? 1,
          out + row * width, width)
      }
    }
    return tensor
  }

  public func concatenateRows(_ parts: [View], batch: Int) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let width = parts[0].channels
    let lengths = parts.map { batch == 0 ? 0 : $0.rows / batch }
    let length = lengths.reduce(0, +)
    let (tensor, out) = result([batch, length, width])
    var start = 0
    for (part, count) in zip(parts, lengths) {
      let rows = operands.rows(part)
      let offset = start
      start += count
      eachRange(of: batch * count, width: width) { range in
        for row in range {
          let target = row / count * length + offset + row % count
          (out + target * width).update(from: rows.row(row), count: width)
        }
      }
    }
    return tensor
  }

  public func concatenateColumns(_ parts: [View], shape: Shape) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let (tensor, out) = result(shape)
    let width = shape.channels
    var start = 0
    for part in parts {
      let rows = operands.rows(part)
      let (offset, count) = (start, part.channels)
      start += count
      eachRange(of: part.rows, width: count) { range in
        for row in range { (out + row * width + offset).update(from: rows.row(row), count: count) }
      }
    }
    return tensor
  }

  public func transpose(_ x: Tensor) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let (batch, rows, columns) = (x.shape[0], x.shape[1], x.shape[2])
    let (tensor, out) = result([batch, columns, rows])
    let from = operands.floats(x)
    let transpose = kernels.pointee.transpose
    for entry in 0..<batch where rows > 0 {
      let place = entry * rows * columns
      eachRange(of: columns, width: rows) { range in
        transpose(from + place, out + place, rows, columns, range.lowerBound, range.upperBound)
      }
    }
    return tensor
  }
}

extension FoleyRows {
  func row(_ r: Int) -> UnsafePointer<Float> {
    base! + Int(index.map { $0[r] } ?? Int32(truncatingIfNeeded: r)) * stride
  }
}
