import Checkpoints
import Tensors

/// A file of a model's weights and the network made of it: what loading, checking and importing share.
public struct ModelCheckpoint: Sendable {
  public let part: ModelPart
  public let file: String
  /// Opens the file and finds the tensors in it.
  let open: @Sendable () throws -> any TensorSource
  /// Makes the network, naming every tensor it needs and those that it does not.
  let read: @Sendable (Weights) throws -> Void

  init(
    _ part: ModelPart, file: String,
    open: @escaping @Sendable () throws -> any TensorSource,
    read: @escaping @Sendable (Weights) throws -> Void
  ) {
    self.part = part
    self.file = file
    self.open = open
    self.read = read
  }
}

/// What a look at a checkpoint found.
public struct CheckpointInspection: Sendable {
  public let part: ModelPart
  public let file: String
  /// Tensors the network reads, and their elements.
  public let tensors: Int
  public let elements: Int
  /// Everything that keeps the network from being made, or from giving sound numbers.
  public let faults: [any Error]
  /// Tensors nobody has a use for and no list explains.
  public let unknown: [String]

  /// Keys of the tensors the network reads.
  let reads: [WeightsAudit.Read]
}

extension ModelCheckpoint {
  /// Makes the network of stand-ins, to see whether the file holds all it needs.
  func inspect(
    _ depth: WeightsAudit.Depth, on backend: any Backend
  ) -> CheckpointInspection {
    let audit = WeightsAudit(depth)
    var faults: [any Error] = []
    var unknown: [String] = []
    do {
      let weights = Weights(try open(), on: backend, audit: audit)
      try read(weights)
      unknown = weights.unreadKeys
    } catch {
      faults = [error]
    }
    let reads = audit.reads
    return CheckpointInspection(
      part: part, file: file, tensors: reads.count,
      elements: reads.reduce(0) { $0 + $1.shape.count }, faults: audit.faults + faults,
      unknown: unknown, reads: reads)
  }
}

extension ModelDescription {
  /// Looks at every tensor of every checkpoint, one after the other: is it there, has it the right shape,
  /// are its values finite numbers?
  ///
  /// - Parameter tell: called before each.
  public func verify(
    on backend: any Backend, tell: (ModelCheckpoint) -> Void = { _ in }
  ) throws -> [CheckpointInspection] {
    try checkpoints().map { checkpoint in
      tell(checkpoint)
      return checkpoint.inspect(.values, on: backend)
    }
  }
}
