import Checkpoints
import Tensors

/// Attention of one learned token to many: what a whole picture comes down to.
///
/// Reads `in_proj_weight` and `in_proj_bias` (queries, keys and values in this order) and `out_proj`,
/// as PyTorch's multi-head attention stores them. The query is the same for all, so its projection is
/// computed once.
struct LearnedQuery: Sendable {
  private let query: Tensor
  private let keyValue: (weight: Tensor, bias: Tensor)
  private let projection: Linear
  private let heads: Int

  /// - Parameter token: what asks, [1, width].
  init(_ weights: Weights, token: Tensor, heads: Int) throws(CheckpointError) {
    let width = token.channels
    let backend = weights.backend
    let matrix = try weights.host("in_proj_weight", [3 * width, width])
    let bias = try weights.host("in_proj_bias", [3 * width]).widened()
    func part(_ rows: Range<Int>) -> (weight: Tensor, bias: Tensor) {
      (
        backend.upload(matrix.pickingRows(Array(rows))),
        backend.upload(bias.pickingRows(Array(rows)))
      )
    }
    let asking = part(0..<width)
    query = token.linear(asking.weight, bias: asking.bias)
    keyValue = part(width..<3 * width)
    projection = try Linear(weights["out_proj"], from: width, to: width)
    self.heads = heads
  }

  /// [B, N, width] -> [B, width]
  func callAsFunction(_ tokens: Tensor) -> Tensor {
    let (batch, width) = (tokens.shape[0], tokens.channels)
    let packed = tokens.linear(keyValue.weight, bias: keyValue.bias)
    let everyone = tokens.backend.rowIndex([Int](repeating: 0, count: batch))
    let queries = query.view.picking(rows: everyone).copied().reshaped([batch, 1, width])
    let heard = queries.view.attend(
      keys: packed.chunk(0, of: 2), values: packed.chunk(1, of: 2), heads: heads)
    return projection(heard.reshaped([batch, width]))
  }
}
