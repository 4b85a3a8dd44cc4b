import CKernels
import Tensors

extension Tensor {
  /// The first stored element in this process's memory.
  var hostBytes: UnsafeRawPointer {
    guard let buffer = buffer as? HostBuffer else {
      preconditionFailure("a tensor of \(backend.name) given to the cpu")
    }
    return UnsafeRawPointer(buffer.base + offset)
  }

  /// The elements of an f32 tensor.
  var hostFloats: UnsafePointer<Float> {
    precondition(dtype == .f32)
    return hostBytes.assumingMemoryBound(to: Float.self)
  }

  /// The entries of a row index, checked against the number of rows they pick from.
  func indices(below rows: Int) -> UnsafePointer<Int32> {
    let entries = hostBytes.assumingMemoryBound(to: Int32.self)
    for position in 0..<shape.count {
      precondition(
        entries[position] >= 0 && entries[position] < rows,
        "row index \(entries[position]) into \(rows) rows")
    }
    return entries
  }
}

extension DType {
  /// How the kernels call it; nil for types they do not read.
  var storage: FoleyStorage? {
    switch self {
    case .f32: FoleyF32
    case .f16: FoleyF16
    case .bf16: FoleyBF16
    case .i8: FoleyI8
    default: nil
    }
  }
}

/// Pointers to an operation's operands, and the widened copies behind some of them. An operation keeps it
/// alive until its kernels are done.
final class Operands {
  private let backend: CPUBackend
  private var copies: [Tensor] = []

  init(_ backend: CPUBackend) { self.backend = backend }

  /// The elements as f32, widened where they are stored otherwise.
  func floats(_ tensor: Tensor) -> UnsafePointer<Float> {
    if tensor.dtype == .f32 { return tensor.hostFloats }
    let copy = backend.gather(tensor.view, shape: tensor.shape)
    copies.append(copy)
    return copy.hostFloats
  }

  func floats(_ tensor: Tensor?) -> UnsafePointer<Float>? {
    guard let tensor else { return nil }
    return floats(tensor)
  }

  /// A view that is read row by row; with `broadcast`, a view of one row serves every row.
  func rows(_ view: View, broadcast: Bool = false) -> FoleyRows {
    let stride = view.tensor.channels
    let base = floats(view.tensor) + view.columns.lowerBound
    let index = view.rowIndex?.indices(below: view.tensor.rows)
    if broadcast && view.rows == 1 {
      return FoleyRows(base: base + Int(index?[0] ?? 0) * stride, stride: 0, index: nil)
    }
    return FoleyRows(base: base, stride: stride, index: index)
  }

  /// A row-broadcast view, or no rows.
  func broadcast(_ view: View?) -> FoleyRows {
    guard let view else { return FoleyRows(base: nil, stride: 0, index: nil) }
    return rows(view, broadcast: true)
  }

  /// The factors a kernel multiplies with: those of beta are inverted here.
  func snake(_ parameters: SnakeParameters?) -> FoleySnake {
    guard let parameters else { return FoleySnake(alpha: nil, factor: nil) }
    let width = parameters.beta.shape.count
    let (factors, factor) = backend.result([width])
    copies.append(factors)
    let betas = floats(parameters.beta)
    for channel in 0..<width { factor[channel] = 1 / (betas[channel] + 1e-9) }
    return FoleySnake(alpha: floats(parameters.alpha), factor: factor)
  }

  /// A weight as it is stored: its first element, its type, and the factors of its rows.
  func weight(_ tensor: Tensor) -> (UnsafeRawPointer, FoleyStorage, UnsafePointer<Float>?) {
    if tensor.dtype == .i8, tensor.scale == nil {
      preconditionFailure("an i8 weight without row scales")
    }
    guard let storage = tensor.dtype.storage else {
      return (UnsafeRawPointer(floats(tensor)), FoleyF32, nil)
    }
    return (tensor.hostBytes, storage, floats(tensor.scale?.tensor))
  }
}
