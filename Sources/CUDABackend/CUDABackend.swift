import CCuda
import CUDADevice
import Tensors

/// The backend that computes on an NVIDIA GPU.
///
/// Operations put their kernels into one stream and return at once; only a download waits. They may be called
/// from several threads. Every sum has an order given by shapes alone, so results are bit for bit the same
/// from run to run and from GPU to GPU of one kind of machine code.
///
/// Results are f32. In which numbers a product is computed, its weight decides: one stored in bf16 is
/// multiplied as it is, with the left operand rounded to bf16 and sums in f32; any other one by three products
/// of tf32, which are nearly as exact as f32. So `--precision f32` and networks published in f32 keep their
/// digits, and a generator in bf16 has the speed it was stored for.
public final class CUDABackend: Backend {
  public let context: CUDAContext
  public let name: String
  let pool: DevicePool
  let kernels: Kernels
  private let ring: PinnedRing
  /// Operations done in products since the backend was made.
  public let work = WorkCounter()

  /// - Parameter memoryLimit: bytes of the GPU's memory held at most; nil: whatever there is.
  /// - Throws: where the GPU cannot be made ready, or no code runs on it.
  public init(_ context: CUDAContext, memoryLimit: Int? = nil) throws(CUDAError) {
    let module = try CUDAModule(context)
    kernels = try Kernels(module)
    pool = DevicePool(try CUDAStream(context), limit: memoryLimit)
    ring = try PinnedRing(context)
    self.context = context
    name = "cuda:\(context.gpu.number) (\(context.gpu.name), \(module.code))"
  }

  deinit {
    // Waits for the work under way: what it reads goes with this object.
    pool.trim()
  }

  /// Gives memory that is kept for coming tensors back to the GPU's other users.
  public func trim() { pool.trim() }

  /// Bytes of the GPU's memory in use here.
  public var memory: DevicePool.Figures { pool.figures }

  // MARK: Memory

  /// Kernels read f32, f16, bf16, i8 and, as row indices, i32. Products multiply f32 and bf16: f16 becomes f32
  /// here, once, for bf16 would drop three of its eleven digits.
  public func upload(_ host: HostTensor) -> Tensor {
    let scale = host.rowScales.map { tensor($0, [$0.count]) }
    if host.isZeros {
      let kept: [DType] = [.f32, .bf16, .i8, .i32]
      let dtype = kept.contains(host.dtype) ? host.dtype : .f32
      let buffer = CUDABuffer(zeros: host.shape.count * dtype.size, on: self)
      return Tensor(buffer: buffer, shape: host.shape, dtype: dtype)
    }
    switch host.dtype {
    case .f32, .bf16, .i8, .i32:
      let buffer = copied(host.bytes, .lasting)
      if host.dtype == .i32 { buffer.noteIndices(host.bytes) }
      host.releasePages()
      return Tensor(buffer: buffer, shape: host.shape, dtype: host.dtype, scale: scale)
    case .f16:
      let stored = Tensor(buffer: copied(host.bytes, .passing), shape: host.shape, dtype: .f16)
      host.releasePages()
      return gather(stored.view, shape: host.shape, use: .lasting)
    case .u8, .i64, .f64:
      return upload(host.widened())
    }
  }

  private func copied(_ bytes: UnsafeRawBufferPointer, _ use: DevicePool.Use) -> CUDABuffer {
    precondition(!pool.isCapturing, "values from the host in repeated work")
    let buffer = CUDABuffer(size: bytes.count, use, on: self)
    must { () throws(CUDAError) in
      try ring.upload(bytes, to: buffer.address, on: pool.stream)
    }
    return buffer
  }

  public func download(_ tensor: Tensor) -> [Float] {
    precondition(!pool.isCapturing, "values for the host from repeated work")
    let operation = Operation(self)
    defer { withExtendedLifetime(operation) {} }
    let address = operation.address(of: tensor)
    func read(into bytes: UnsafeMutableRawBufferPointer) {
      must { () throws(CUDAError) in
        try ring.download(address, to: bytes, on: pool.stream)
      }
    }
    let count = tensor.shape.count
    if tensor.dtype == .f32 {
      return [Float](unsafeUninitializedCapacity: count) { out, initialized in
        // There may be room for more.
        read(
          into: UnsafeMutableRawBufferPointer(
            rebasing: UnsafeMutableRawBufferPointer(out)[..<(count * DType.f32.size)]))
        initialized = count
      }
    }
    let memory = HostMemory(size: count * tensor.dtype.size)
    read(into: memory.bytes)
    return HostTensor(
      shape: tensor.shape, dtype: tensor.dtype, bytes: UnsafeRawBufferPointer(memory.bytes),
      owner: memory, rowScales: tensor.scale?.tensor.floats()
    ).floats()
  }

  /// Waits for all work under way.
  public func synchronize() {
    must { () throws(CUDAError) in try pool.stream.synchronize() }
  }

  /// Whether a tensor's values have passed through products in bf16, and have no more digits than those.
  public func isRounded(_ tensor: Tensor) -> Bool {
    (tensor.buffer as? CUDABuffer)?.isRounded == true
  }

  // MARK: Failures

  /// Does what an operation cannot do without; where it fails, the program ends in the way it has settled.
  func must<Result>(_ body: () throws(CUDAError) -> Result) -> Result {
    do {
      return try body()
    } catch {
      if case .outOfHostMemory(let wanted) = error { MemoryExhaustion.end(bytes: wanted) }
      DeviceFailure.end("\(name): \(error)", isTemporary: error.isTemporary)
    }
  }
}
