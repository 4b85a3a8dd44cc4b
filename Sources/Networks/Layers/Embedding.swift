import Checkpoints
import Tensors

/// A table of learned rows. Reads `weight` [count, width].
public struct Embedding: Sendable {
  public let table: Tensor

  public init(_ weights: Weights, count: Int, width: Int) throws(CheckpointError) {
    table = try weights.tensor("weight", [count, width])
  }

  /// Row numbers, each below `count` -> [ids.count, width] in f32.
  public func callAsFunction(_ ids: [Int]) -> Tensor {
    precondition(ids.allSatisfy { $0 >= 0 && $0 < table.shape[0] }, "an id outside the table")
    return table.view.picking(rows: table.backend.rowIndex(ids)).copied()
  }
}
