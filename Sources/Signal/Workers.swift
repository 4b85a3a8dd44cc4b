import Threads

/// Runs numbered pieces of work on a given number of threads. Which thread takes which piece is left
/// open, so pieces must not depend on one another.
struct Workers: Sendable {
  private let pool: ThreadPool

  init(threads: Int) {
    precondition(threads >= 1, "\(threads) threads")
    pool = ThreadPool(count: threads)
  }

  /// Calls `work(piece, scratch)` for every piece; `scratch` holds `scratchCount` floats of the thread,
  /// contents undefined.
  func run(
    _ pieces: Int, scratch scratchCount: Int = 0,
    _ work: @Sendable (Int, UnsafeMutablePointer<Float>) -> Void
  ) {
    // No two threads write into one cache line.
    let stride = (scratchCount + 15) / 16 * 16
    let scratch = FloatMemory(count: stride * pool.count)
    pool.run(pieces) { piece, worker in work(piece, scratch.base + worker * stride) }
  }
}
