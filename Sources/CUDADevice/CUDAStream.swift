import CCuda

/// Work for the GPU, done in the order it comes in, while the caller goes on.
///
/// Memory that a call names must live until the work is done: addresses of a `DevicePool` of this stream may be
/// given back as soon as the call returns, host memory not before `synchronize()`.
public final class CUDAStream: Sendable {
  public let context: CUDAContext
  nonisolated(unsafe) let handle: FoleyCudaStream

  public init(_ context: CUDAContext) throws(CUDAError) {
    self.context = context
    var handle: FoleyCudaStream?
    try context.call("cuStreamCreate") {
      $0.streamCreate(&handle, UInt32(FoleyCudaStreamNonBlocking))
    }
    self.handle = handle!
  }

  deinit { context.release { $0.streamDestroy(handle) } }

  /// Waits until all work is done, and tells what failed in it.
  public func synchronize() throws(CUDAError) {
    try context.call("cuStreamSynchronize") { $0.streamSynchronize(handle) }
  }

  /// What comes after this call is done after what the event stands for.
  public func wait(for event: CUDAEvent) throws(CUDAError) {
    try context.call("cuStreamWaitEvent") { $0.streamWaitEvent(handle, event.handle, 0) }
  }

  // MARK: Copies

  /// From host memory; at the full rate, and without making the caller wait, where that is pinned.
  public func copy(_ bytes: UnsafeRawBufferPointer, to address: UInt64) throws(CUDAError) {
    guard !bytes.isEmpty else { return }
    try context.call("cuMemcpyHtoDAsync") {
      $0.memcpyHtoDAsync(address, bytes.baseAddress, bytes.count, handle)
    }
  }

  /// To host memory.
  public func copy(_ address: UInt64, to bytes: UnsafeMutableRawBufferPointer) throws(CUDAError) {
    guard !bytes.isEmpty else { return }
    try context.call("cuMemcpyDtoHAsync") {
      $0.memcpyDtoHAsync(bytes.baseAddress, address, bytes.count, handle)
    }
  }

  /// Within the GPU's memory; the two may not overlap.
  public func copy(_ source: UInt64, to address: UInt64, bytes: Int) throws(CUDAError) {
    guard bytes > 0 else { return }
    try context.call("cuMemcpyDtoDAsync") { $0.memcpyDtoDAsync(address, source, bytes, handle) }
  }

  public func fill(_ address: UInt64, bytes: Int, with byte: UInt8 = 0) throws(CUDAError) {
    guard bytes > 0 else { return }
    try context.call("cuMemsetD8Async") { $0.memsetD8Async(address, byte, bytes, handle) }
  }

  /// `address` is a multiple of 4.
  public func fill(_ address: UInt64, words: Int, with word: UInt32) throws(CUDAError) {
    guard words > 0 else { return }
    try context.call("cuMemsetD32Async") { $0.memsetD32Async(address, word, words, handle) }
  }
}

/// A moment in a stream's work.
public final class CUDAEvent: Sendable {
  let context: CUDAContext
  nonisolated(unsafe) let handle: FoleyCudaEvent

  /// - Parameter measuresTime: whether `milliseconds(since:)` will be asked; costs a little.
  public init(_ context: CUDAContext, measuresTime: Bool = false) throws(CUDAError) {
    self.context = context
    var handle: FoleyCudaEvent?
    try context.call("cuEventCreate") {
      $0.eventCreate(&handle, measuresTime ? 0 : UInt32(FoleyCudaEventWithoutTime))
    }
    self.handle = handle!
  }

  deinit { context.release { $0.eventDestroy(handle) } }

  /// From here on the event stands for everything that is in the stream now.
  public func record(on stream: CUDAStream) throws(CUDAError) {
    try context.call("cuEventRecord") { $0.eventRecord(handle, stream.handle) }
  }

  public func isDone() throws(CUDAError) -> Bool {
    var isDone = true
    try context.call("cuEventQuery") { functions in
      let code = functions.eventQuery(handle)
      isDone = code != FoleyCudaNotReady
      return isDone ? code : FoleyCudaResult(FoleyCudaSuccess)
    }
    return isDone
  }

  public func synchronize() throws(CUDAError) {
    try context.call("cuEventSynchronize") { $0.eventSynchronize(handle) }
  }

  /// Time between two events that are done.
  public func milliseconds(since start: CUDAEvent) throws(CUDAError) -> Float {
    var time: Float = 0
    try context.call("cuEventElapsedTime") { $0.eventElapsedTime(&time, start.handle, handle) }
    return time
  }
}
