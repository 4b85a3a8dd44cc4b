import Dispatch
import Synchronization

/// Runs numbered pieces of work on a given number of threads. Which thread takes which piece is left
/// open, so pieces must not depend on one another.
struct Workers: Sendable {
  let threads: Int

  init(threads: Int) {
    precondition(threads >= 1, "\(threads) threads")
    self.threads = threads
  }

  /// Calls `work(piece, scratch)` for every piece; `scratch` holds `scratchCount` floats of the thread.
  func run(
    _ pieces: Int, scratch scratchCount: Int = 0,
    _ work: @Sendable (Int, UnsafeMutablePointer<Float>) -> Void
  ) {
    let crew = min(threads, pieces)
    guard crew > 1 else {
      let scratch = FloatMemory(count: scratchCount)
      for piece in 0..<pieces { work(piece, scratch.base) }
      return
    }
    let next = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: crew) { _ in
      let scratch = FloatMemory(count: scratchCount)
      while true {
        let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if piece >= pieces { return }
        work(piece, scratch.base)
      }
    }
  }
}
