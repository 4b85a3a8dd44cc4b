import Synchronization
import Tensors

/// What depends on the diffusion time alone: the same for every entry of a batch, every window and every clip.
struct TimeConditions: Sendable {
  /// The time vector, then two for each triple block.
  let tensors: [Tensor]

  /// - Parameter vector: the time vector, [1, D].
  init(vector: Tensor, triple: [TripleBlock.Modulations]) {
    self.init(tensors: [vector] + triple.flatMap { [$0.audio, $0.visual] })
  }

  /// - Parameter tensors: as another one has them.
  init(tensors: [Tensor]) { self.tensors = tensors }

  var vector: Tensor { tensors[0] }

  func modulations(ofTriple block: Int) -> TripleBlock.Modulations {
    TripleBlock.Modulations(audio: tensors[1 + 2 * block], visual: tensors[2 + 2 * block])
  }
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
