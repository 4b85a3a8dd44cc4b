import CCuda

/// Work that was put into a stream once and can be done again by one call, in the same memory.
///
/// Blocks that were taken meanwhile belong to the graph until it is gone; what it reads and writes beyond them, its
/// maker keeps for as long.
public final class CUDAGraph: Sendable {
  private let stream: CUDAStream
  nonisolated(unsafe) private let handle: FoleyCudaGraphExec
  private let arena: DevicePool.Arena

  /// Calls `body`, whose work for the pool's stream is not done but taken down. It may take memory, but wait for
  /// nothing. One capture at a time, and nobody else may use the stream meanwhile.
  public init(
    capturing pool: DevicePool, _ body: () throws(CUDAError) -> Void
  ) throws(CUDAError) {
    let stream = pool.stream
    let context = stream.context
    let arena = try pool.beginCapture()
    defer { pool.endCapture() }
    try context.call("cuStreamBeginCapture") {
      $0.streamBeginCapture(stream.handle, Int32(FoleyCudaCaptureRelaxed))
    }
    var failed: CUDAError?
    do throws(CUDAError) { try body() } catch { failed = error }

    // Whatever happened, the stream leaves its capture.
    var graph: FoleyCudaGraph?
    var ended = FoleyCudaResult(FoleyCudaSuccess)
    context.release {
      ended = $0.streamEndCapture(stream.handle, &graph)
      return ended
    }
    defer { if let graph { context.release { $0.graphDestroy(graph) } } }
    // What broke the capture says more than that it is broken.
    if let failed { throw failed }
    try context.driver.check(ended, "cuStreamEndCapture")

    var executable: FoleyCudaGraphExec?
    try context.call("cuGraphInstantiate") { $0.graphInstantiate(&executable, graph, 0) }
    self.stream = stream
    self.arena = arena
    handle = executable!
  }

  deinit { stream.context.release { $0.graphExecDestroy(handle) } }

  /// Puts the whole work into the stream it was captured from.
  public func launch() throws(CUDAError) {
    try stream.context.call("cuGraphLaunch") { $0.graphLaunch(handle, stream.handle) }
  }
}
