import CCuda

/// A GPU in use: what everything made on it belongs to, and keeps.
///
/// It is the driver's primary context, which all users in a process share. Calls may come from any thread.
public final class CUDAContext: Sendable {
  public let driver: CUDADriver
  public let gpu: GPU
  private let ordinal: FoleyCudaOrdinal
  nonisolated(unsafe) private let handle: FoleyCudaContext

  public init(_ driver: CUDADriver, _ gpu: GPU) throws(CUDAError) {
    self.driver = driver
    self.gpu = gpu
    ordinal = try driver.ordinal(of: gpu.number)
    var handle: FoleyCudaContext?
    let code = driver.functions.pointee.devicePrimaryCtxRetain(&handle, ordinal)
    guard code == FoleyCudaSuccess, let handle else {
      // Nothing of this class is to be released: the context is not held.
      throw .failed(driver.failure(code, "cuDevicePrimaryCtxRetain"))
    }
    self.handle = handle
  }

  deinit { _ = driver.functions.pointee.devicePrimaryCtxRelease(ordinal) }

  /// Bytes of the GPU's memory, those of other processes included.
  public func memory() throws(CUDAError) -> (free: Int, total: Int) {
    var (free, total) = (0, 0)
    try call("cuMemGetInfo") { $0.memGetInfo(&free, &total) }
    return (free, total)
  }

  /// Waits for everything that was begun on this GPU.
  public func synchronize() throws(CUDAError) {
    try call("cuCtxSynchronize") { $0.ctxSynchronize() }
  }

  // MARK: Calls

  /// One call of the driver in this context. The current context belongs to the thread, and work may come on any.
  ///
  /// - Parameter function: the name for the error.
  func call(
    _ function: StaticString, _ body: (borrowing FoleyCudaDriver) -> FoleyCudaResult
  ) throws(CUDAError) {
    let functions = driver.functions
    try driver.check(functions.pointee.ctxSetCurrent(handle), "cuCtxSetCurrent")
    try driver.check(body(functions.pointee), function)
  }

  /// One call that gives something back. Nobody is there to be told that it failed; a failure of the GPU itself is
  /// told by every later call, too, and keeps nothing from being given back.
  func release(_ body: (borrowing FoleyCudaDriver) -> FoleyCudaResult) {
    let functions = driver.functions
    _ = functions.pointee.ctxSetCurrent(handle)
    _ = body(functions.pointee)
  }

  // MARK: Memory

  /// Memory on the GPU, or nil where there is none left.
  func allocate(_ bytes: Int) throws(CUDAError) -> FoleyCudaAddress? {
    var address: FoleyCudaAddress = 0
    do throws(CUDAError) {
      try call("cuMemAlloc") { $0.memAlloc(&address, bytes) }
    } catch .failed(let failure) where failure.code == FoleyCudaOutOfMemory {
      return nil
    }
    return address
  }

  func free(_ address: FoleyCudaAddress) { release { $0.memFree(address) } }
}
