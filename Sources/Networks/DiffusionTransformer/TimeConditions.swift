import Synchronization
import Tensors

/// What depends on the diffusion time alone: the same for every entry of a batch, every window and every clip.
struct TimeConditions: Sendable {
  /// The time vector, [1, D].
  let vector: Tensor
  /// One entry for each triple block.
  let triple: [TripleBlock.Modulations]
}

/// Time conditions of the times a sampler asks for again with every window.
final class TimeCache: Sendable {
  /// Times kept: those of a long schedule. Of the largest published model one takes 2 MB.
  private static let limit = 128

  private let known = Mutex<[Float: TimeConditions]>([:])

  /// The conditions of a time, computed unless they are known.
  func conditions(_ time: Float, _ compute: (Float) -> TimeConditions) -> TimeConditions {
    if let found = known.withLock({ $0[time] }) { return found }
    // Not under the lock: two threads that ask at once both compute, and get the same bits.
    let computed = compute(time)
    known.withLock { known in
      if known.count >= TimeCache.limit { known.removeAll() }
      known[time] = computed
    }
    return computed
  }
}
