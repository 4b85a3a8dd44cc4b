import CKernels
import Tensors
import Threads

/// The backend that computes on the processor, with the widest vectors it has.
///
/// Results are bit for bit the same with any number of threads: an operation is cut into ranges of rows and
/// columns, and no element's arithmetic depends on where the cuts are. Different levels of vectors differ in
/// the last digits. Operations may be called from several threads; one at a time gets the pool, the others
/// compute on their own thread.
public final class CPUBackend: Backend {
  public let level: SIMDLevel
  let threads: ThreadPool
  let memory: BufferPool
  // A table of constants.
  nonisolated(unsafe) let kernels: UnsafePointer<FoleyKernels>
  nonisolated(unsafe) let integers: UnsafePointer<FoleyIntegerKernels>
  /// Operations done in products since the backend was made.
  public let work = WorkCounter()

  /// - Parameters:
  ///   - threads: threads that compute, at least 1.
  ///   - level: the instruction set.
  ///   - dotProducts: whether products in integers use the instructions made for them (VNNI) where the
  ///     processor has them at this level; the result is the same.
  ///   - keptMemory: bytes of finished tensors kept for the next ones, at most; `trim()` frees them.
  /// - Throws: `unsupportedLevel`.
  public init(
    threads: Int, level: SIMDLevel, dotProducts: Bool = true, keptMemory: Int = 256 << 20
  ) throws(CPUBackendError) {
    precondition(threads > 0, "a backend needs a thread")
    let dots = dotProducts ? foley_integer_kernels(level.code, 1) : nil
    guard let kernels = foley_kernels(level.code),
      let integers = dots ?? foley_integer_kernels(level.code, 0)
    else { throw .unsupportedLevel(level) }
    self.level = level
    self.kernels = kernels
    self.integers = integers
    self.threads = ThreadPool(count: threads)
    memory = BufferPool(limit: keptMemory)
    foley_heap_prepare()
  }

  /// The backend at the level `FOLEY_SIMD` names, or the best one.
  ///
  /// - Throws: where that cannot be.
  public convenience init(threads: Int) throws(CPUBackendError) {
    try self.init(threads: threads, level: .preferred())
  }

  public var name: String {
    "cpu (\(level), \(threads.count) thread\(threads.count == 1 ? "" : "s"))"
  }

  /// Frees the memory kept for coming tensors, here and by the allocator, which the weights' memory comes
  /// from: call it when the next operation is far off.
  public func trim() {
    memory.trim()
    foley_heap_trim()
  }

  /// Bytes kept for coming tensors.
  public var keptMemory: Int { memory.keptBytes }

  // MARK: Memory

  public func upload(_ host: HostTensor) -> Tensor {
    let scale = host.rowScales.map { tensor($0, [$0.count]) }
    let size = host.bytes.count
    let address = host.bytes.baseAddress.map { UInt(bitPattern: $0) } ?? 1
    if let owner = host.owner, address % UInt(host.dtype.size) == 0, size > 0 {
      // Never written: the pointer is mutable only because buffers of results are.
      let base = UnsafeMutableRawPointer(mutating: host.bytes.baseAddress!)
      let keeper = Keeper(owner)
      let buffer = HostBuffer(backend: self, base: base, size: size) { _, _ in
        withExtendedLifetime(keeper) {}
      }
      return Tensor(buffer: buffer, shape: host.shape, dtype: host.dtype, scale: scale)
    }
    let buffer = buffer(size)
    if size > 0 { buffer.base.copyMemory(from: host.bytes.baseAddress!, byteCount: size) }
    return Tensor(buffer: buffer, shape: host.shape, dtype: host.dtype, scale: scale)
  }

  /// The owner of host bytes; only ever released.
  private final class Keeper: @unchecked Sendable {
    let owner: AnyObject
    init(_ owner: AnyObject) { self.owner = owner }
  }

  public func download(_ tensor: Tensor) -> [Float] {
    let count = tensor.shape.count
    if tensor.dtype == .f32 {
      return Array(UnsafeBufferPointer(start: tensor.hostFloats, count: count))
    }
    return HostTensor(
      shape: tensor.shape, dtype: tensor.dtype,
      bytes: UnsafeRawBufferPointer(start: tensor.hostBytes, count: count * tensor.dtype.size),
      owner: tensor.buffer, rowScales: tensor.scale?.tensor.floats()
    ).floats()
  }

  func buffer(_ size: Int) -> HostBuffer {
    let memory = memory
    return HostBuffer(backend: self, base: memory.take(size), size: size) { base, size in
      memory.giveBack(base, size: size)
    }
  }

  /// A result to be filled: the tensor and its elements.
  func result(_ shape: Shape) -> (Tensor, UnsafeMutablePointer<Float>) {
    let buffer = buffer(shape.count * MemoryLayout<Float>.size)
    return (
      Tensor(buffer: buffer, shape: shape), buffer.base.assumingMemoryBound(to: Float.self)
    )
  }

  // MARK: Sharing out work

  /// Calls `body` for ranges that cover 0 ..< count, of about 32k elements each.
  func eachRange(of count: Int, width: Int, _ body: (Range<Int>) -> Void) {
    guard count > 0 else { return }
    let rows = max(1, 32768 / max(1, width))
    let tasks = (count + rows - 1) / rows
    threads.run(tasks) { task, _ in body(task * rows..<min(count, (task + 1) * rows)) }
  }

  /// Calls `body(task, scratch)` for each task, with `floats` floats of scratch that no other call uses at
  /// the time.
  func eachTask(
    _ tasks: Int, scratch floats: Int, _ body: (Int, UnsafeMutablePointer<Float>) -> Void
  ) {
    guard tasks > 0 else { return }
    let stride = (floats + 15) / 16 * 16
    let size = stride * (tasks == 1 ? 1 : threads.count) * MemoryLayout<Float>.size
    let block = memory.take(size)
    defer { memory.giveBack(block, size: size) }
    let base = block.assumingMemoryBound(to: Float.self)
    threads.run(tasks) { task, worker in body(task, base + worker * stride) }
  }
}
