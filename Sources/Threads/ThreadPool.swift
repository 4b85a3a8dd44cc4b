import CKernels

/// Persistent threads that share out the tasks of one operation.
public final class ThreadPool: @unchecked Sendable {
  /// Threads that work, the caller included.
  public let count: Int
  private let threads: OpaquePointer

  /// Where the system gives fewer threads, the pool is smaller.
  public init(count: Int) {
    guard let threads = foley_threads_create(Int32(count)) else {
      preconditionFailure("no memory for a thread pool")
    }
    self.threads = threads
    self.count = Int(foley_threads_count(threads))
  }

  deinit { foley_threads_destroy(threads) }

  /// Calls `body(task, worker)` once for each of `tasks`, possibly at the same time on several threads, and
  /// returns when all are done. Calls that overlap differ in `worker`, 0 ..< count. When another
  /// thread's run occupies the pool, the caller does everything itself.
  public func run(_ tasks: Int, _ body: (_ task: Int, _ worker: Int) -> Void) {
    if tasks == 1 { return body(0, 0) }
    withoutActuallyEscaping(body) { body in
      var body = body
      withUnsafeMutablePointer(to: &body) { pointer in
        foley_threads_run(
          threads, tasks,
          { context, task, worker in
            context!.assumingMemoryBound(to: ((Int, Int) -> Void).self).pointee(task, Int(worker))
          }, pointer)
      }
    }
  }
}
