import CCuda
import CUDADevice
import Tensors

extension DType {
  /// How kernels call it; nil for types they do not read.
  var storage: Int32? {
    switch self {
    case .f32: Int32(FoleyCudaF32)
    case .bf16: Int32(FoleyCudaBF16)
    case .f16: Int32(FoleyCudaF16)
    case .i8: Int32(FoleyCudaI8)
    default: nil
    }
  }
}

/// One operation under way: finds the addresses of its operands, keeps what is behind them until its kernels
/// are in the stream, and puts them there. From then on memory may be given back, for the stream's order
/// protects it.
final class Operation {
  private let backend: CUDABackend
  private var kept: [any Buffer] = []
  private var results: [CUDABuffer] = []
  /// Whether an operand has passed through bf16, or a product of this operation is computed in it.
  private(set) var isRounded = false

  init(_ backend: CUDABackend) { self.backend = backend }

  // MARK: Operands

  func address(of tensor: Tensor) -> UInt64 {
    guard let buffer = tensor.buffer as? CUDABuffer, buffer.backend === backend else {
      preconditionFailure("a tensor of \(tensor.backend.name) given to \(backend.name)")
    }
    if buffer.isRounded || tensor.dtype == .bf16 { isRounded = true }
    kept.append(buffer)
    return buffer.address + UInt64(tensor.offset)
  }

  func pointer(to tensor: Tensor) -> UnsafeRawPointer {
    UnsafeRawPointer(bitPattern: UInt(address(of: tensor)))!
  }

  /// f32 elements, widened where they are stored otherwise.
  func floats(_ tensor: Tensor) -> UnsafePointer<Float> {
    let tensor =
      tensor.dtype == .f32 ? tensor : backend.gather(tensor.view, shape: tensor.shape)
    return pointer(to: tensor).assumingMemoryBound(to: Float.self)
  }

  func floats(_ tensor: Tensor?) -> UnsafePointer<Float>? { tensor.map { floats($0) } }

  /// A view that is read row by row; with `broadcast`, one row serves every row, and nil is no operand.
  func view(_ view: View?, broadcast: Bool = false) -> FoleyCudaView {
    guard var view else { return FoleyCudaView() }
    // What kernels do not read as it is: whole numbers, and rows with factors.
    if view.tensor.dtype.storage == nil || view.tensor.scale != nil {
      view = backend.gather(view, shape: [view.rows, view.channels]).view
    }
    let single = broadcast && view.rows == 1
    if single, view.rowIndex != nil {
      view = backend.gather(view, shape: [1, view.channels]).view
    }
    let first = view.columns.lowerBound * view.tensor.dtype.size
    return FoleyCudaView(
      base: pointer(to: view.tensor) + first, index: index(of: view),
      stride: single ? 0 : Int64(view.tensor.channels), storage: view.tensor.dtype.storage!)
  }

  /// A view's row index, checked as far as its bounds are known.
  func index(of view: View) -> UnsafePointer<Int32>? {
    guard let index = view.rowIndex else { return nil }
    let address = pointer(to: index)
    // A part of an index has bounds of its own, which nobody knows.
    if let buffer = index.buffer as? CUDABuffer, buffer.size == 4 * index.shape.count,
      let bounds = buffer.indices
    {
      precondition(
        bounds.lowerBound >= 0 && Int(bounds.upperBound) < view.tensor.rows,
        "row indices \(bounds) into \(view.tensor.rows) rows")
    }
    return address.assumingMemoryBound(to: Int32.self)
  }

  /// The elements of a view in bf16, row after row.
  func halves(_ view: View) -> UnsafeRawPointer {
    let isWhole = view.rowIndex == nil && view.channels == view.tensor.channels
    if view.tensor.dtype == .bf16, isWhole { return pointer(to: view.tensor) }
    var conversion = FoleyCudaElementwise()
    conversion.x = self.view(view)
    conversion.out = FoleyCudaTarget(
      base: scratch(view.rows * view.channels * DType.bf16.size), stride: Int64(view.channels),
      storage: Int32(FoleyCudaBF16))
    conversion.rows = Int64(view.rows)
    conversion.columns = Int32(view.channels)
    launch(
      backend.kernels.activate, conversion,
      foley_cuda_launch_elements(conversion.rows, Int64(conversion.columns)))
    isRounded = true
    return UnsafeRawPointer(conversion.out.base)
  }

  func epilogue(_ epilogue: Epilogue, bias: Tensor?, columns: Int) -> FoleyCudaEpilogue {
    var result = FoleyCudaEpilogue()
    result.bias = floats(bias)
    result.residual = view(
      epilogue.residual.map { residual in
        residual.reshaped([columns == 0 ? 0 : residual.shape.count / columns, columns]).view
      })
    result.gate = view(epilogue.gate, broadcast: true)
    result.snakeAlpha = floats(epilogue.snake?.alpha)
    result.snakeBeta = floats(epilogue.snake?.beta)
    result.activation = epilogue.activation.code
    return result
  }

  // MARK: Results

  /// A new tensor, to be filled.
  func result(_ shape: Shape, _ dtype: DType = .f32, use: DevicePool.Use = .passing) -> Tensor {
    let buffer = CUDABuffer(size: shape.count * dtype.size, use, on: backend)
    kept.append(buffer)
    results.append(buffer)
    return Tensor(buffer: buffer, shape: shape, dtype: dtype)
  }

  /// All rows of a tensor that is written, from some column on.
  func target(_ tensor: Tensor, column: Int = 0) -> FoleyCudaTarget {
    FoleyCudaTarget(
      base: UnsafeMutableRawPointer(mutating: pointer(to: tensor)) + column * tensor.dtype.size,
      stride: Int64(tensor.channels), storage: tensor.dtype.storage!)
  }

  /// Memory for this operation alone.
  func scratch(_ bytes: Int) -> UnsafeMutableRawPointer {
    let buffer = CUDABuffer(size: bytes, .passing, on: backend)
    kept.append(buffer)
    return UnsafeMutableRawPointer(bitPattern: UInt(buffer.address))!
  }

  // MARK: Launches

  func launch<Arguments: BitwiseCopyable>(
    _ kernel: CUDAKernel, _ arguments: Arguments, _ launch: FoleyCudaLaunch
  ) {
    for result in results { result.isRounded = isRounded }
    guard launch.grid > 0 else { return }
    backend.must { () throws(CUDAError) in
      try kernel.launch(
        arguments, grid: Extent(Int(launch.grid)), block: Extent(Int(launch.block)),
        sharedBytes: Int(launch.shared), on: backend.pool.stream)
    }
  }
}
