import Synchronization
import Tensors

/// One network of a model: read when it is used, dropped when its memory is wanted by others, and read
/// again when its turn comes.
final class Stage<Network: Sendable>: Sendable {
  let name: String
  private let weights: Int
  private let work: Int
  private let memory: MemoryBudget
  private let backend: any Backend
  private let read: @Sendable () throws -> Network
  private let network = Mutex<Network?>(nil)

  /// - Parameters:
  ///   - name: for messages, such as "transformer"; no two of a budget's networks share one.
  ///   - weights: bytes of its weights in memory.
  ///   - work: bytes it needs beside them while it computes.
  ///   - read: makes the network from its file.
  /// - Throws: `FoleyError.memory` where it cannot fit even alone.
  init(
    _ name: String, weights: Int, work: Int, _ resources: ModelResources,
    read: @escaping @Sendable () throws -> Network
  ) throws(FoleyError) {
    self.name = name
    self.weights = weights
    self.work = work
    self.read = read
    memory = resources.memory
    backend = resources.backend
    try memory.check(name, weights: weights, work: work)
  }

  /// The network, in memory as long as it is held, and beyond where there is room.
  func callAsFunction() throws -> Network {
    let madeRoom = try memory.take(name, weights: weights, work: work) { [weak self] in
      self?.network.withLock { $0 = nil }
    }
    if madeRoom { backend.trim() }
    do {
      return try network.withLock { network in
        if let network { return network }
        let made = try read()
        network = made
        return made
      }
    } catch {
      memory.giveBack(name)
      throw error
    }
  }

  /// Drops the network.
  func release() {
    memory.giveBack(name)
    network.withLock { $0 = nil }
    backend.trim()
  }

  var isInMemory: Bool { network.withLock { $0 != nil } }
}
