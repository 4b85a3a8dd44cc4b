import CCuda

/// Work that was put into a stream once and can be done again by one call, in the same memory.
///
/// Blocks that were taken meanwhile belong to the graph until it is gone; what it reads and writes beyond them, its
/// maker keeps for as long.
public final class CUDAGraph: Sendable {
  private let stream: CUDAStream
  nonisolated(unsafe) private let handle: FoleyCudaGraphExec
  private let arena: DevicePool.Arena

  /// Calls `body`, whose work for `pool.stream` is not done but taken down. It may take memory, but wait for nothing
  /// that it has put there. Other threads may use the pool meanwhile.
  public init(
    capturing pool: DevicePool, _ body: () throws(CUDAError) -> Void
  ) throws(CUDAError) {
    stream = pool.mainStream
    let context = stream.context
    // One of its own: work that other threads put into the pool's does not belong to the graph.
    let captured = try CUDAStream(context)
    try context.call("cuStreamBeginCapture") {
      $0.streamBeginCapture(captured.handle, Int32(FoleyCudaCaptureRelaxed))
    }
    var made: DevicePool.Arena?
    var failed: CUDAError?
    do throws(CUDAError) { made = try pool.capturing(on: captured, body) } catch { failed = error }

    // Whatever happened, the stream leaves its capture.
    var graph: FoleyCudaGraph?
    var ended = FoleyCudaResult(FoleyCudaSuccess)
    context.release {
      ended = $0.streamEndCapture(captured.handle, &graph)
      return ended
    }
    defer { if let graph { context.release { $0.graphDestroy(graph) } } }
    // What broke the capture says more than that it is broken.
    if let failed { throw failed }
    try context.driver.check(ended, "cuStreamEndCapture")

    var executable: FoleyCudaGraphExec?
    try context.call("cuGraphInstantiate") { $0.graphInstantiate(&executable, graph, 0) }
    arena = made!
    handle = executable!
  }

  deinit { stream.context.release { $0.graphExecDestroy(handle) } }

  /// Puts the whole work into the pool's stream.
  public func launch() throws(CUDAError) {
    try stream.context.call("cuGraphLaunch") { $0.graphLaunch(handle, stream.handle) }
  }
}
