import Synchronization

/// How much memory a run may take, and which of a model's networks have a part of it.
///
/// A network is read when it is needed and stays as long as there is room. What was used longest ago
/// makes room for what is needed now, and is read again when its turn comes. Counted are a network's
/// weights and what it needs to work; `reserve` is for everything else.
public final class MemoryBudget: Sendable {
  /// For the program, the video's decoder, and the pictures of the windows at hand.
  public static let reserve = 768 << 20

  /// Whose memory it is, or who said how much.
  public enum Source: Sendable, Equatable {
    case machine
    case gpu
    /// An option of the command line, such as --ram-budget.
    case option(String)
  }

  /// Of the whole process.
  public let bytes: Int
  private let source: Source

  private struct Resident {
    let name: String
    let weights: Int
    let drop: @Sendable () -> Void
  }
  /// What is in memory, used longest ago first.
  private let residents = Mutex<[Resident]>([])

  /// - Parameter bytes: nil: what the machine has to spare.
  public init(bytes: Int? = nil) {
    self.bytes = bytes ?? MachineMemory.available
    source = bytes == nil ? .machine : .option("--ram-budget")
  }

  /// Of a GPU's memory, where the networks are computed there.
  ///
  /// - Parameters:
  ///   - free: bytes that others have left.
  ///   - given: what `--vram-budget` says.
  public init(gpu free: Int, given: Int?) {
    bytes = min(free, given ?? free)
    source = (given ?? free) < free ? .option("--vram-budget") : .gpu
  }

  /// Makes sure that a network could be used, alone if need be.
  ///
  /// - Parameters:
  ///   - weights: bytes of its weights in memory.
  ///   - work: bytes it needs beside them while it computes.
  /// - Throws: `FoleyError.memory`, which names the budget that would do.
  func check(_ name: String, weights: Int, work: Int) throws(FoleyError) {
    let needed = weights + work + MemoryBudget.reserve
    guard needed > bytes else { return }
    throw .memory(network: name, needed: needed, available: bytes, source)
  }

  /// A network is about to be used: makes room for it, dropping others, and takes it in.
  ///
  /// - Parameter drop: forgets the network.
  /// - Returns: whether others were dropped.
  func take(_ name: String, weights: Int, work: Int, drop: @escaping @Sendable () -> Void)
    throws(FoleyError) -> Bool
  {
    try check(name, weights: weights, work: work)
    let dropped = residents.withLock { residents in
      residents.removeAll { $0.name == name }
      var used = residents.reduce(MemoryBudget.reserve + weights + work) { $0 + $1.weights }
      var dropped: [Resident] = []
      while used > bytes {
        dropped.append(residents.removeFirst())
        used -= dropped.last!.weights
      }
      residents.append(Resident(name: name, weights: weights, drop: drop))
      return dropped
    }
    for network in dropped { network.drop() }
    return !dropped.isEmpty
  }

  /// A network has left memory.
  func giveBack(_ name: String) { residents.withLock { $0.removeAll { $0.name == name } } }

  /// What is in memory, used longest ago first.
  var names: [String] { residents.withLock { $0.map(\.name) } }
}
