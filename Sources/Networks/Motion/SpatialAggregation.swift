import Checkpoints
import Tensors

/// One token for each frame: a layer of a transformer over the frame's tokens and a learned one, of
/// which only the learned one's result is wanted, and so computed.
///
/// Reads `cls_token`, `norm1` and `self_attn`, `norm2`, `linear1` and `linear2`.
struct SpatialAggregation: Sendable {
  /// [1, width]
  private let token: Tensor
  private let attentionNorm: LayerNorm
  private let attention: LearnedQuery
  private let norm: LayerNorm
  private let feedForward: FeedForward

  init(_ weights: Weights, width: Int, heads: Int, epsilon: Float) throws(CheckpointError) {
    token = try weights.vector("cls_token", [1, 1, width]).reshaped([1, width])
    attentionNorm = try LayerNorm(weights["norm1"], width: width, epsilon: epsilon)
    attention = try LearnedQuery(weights["self_attn"], token: attentionNorm(token), heads: heads)
    norm = try LayerNorm(weights["norm2"], width: width, epsilon: epsilon)
    feedForward = try FeedForward(
      weights["linear1"], weights["linear2"], width: width,
      hidden: try weights.rows("linear1.bias"), activation: .geluErf)
  }

  /// [frames, places, width] -> [frames, width]
  func callAsFunction(_ x: Tensor) -> Tensor {
    let everyone = x.backend.rowIndex([Int](repeating: 0, count: x.shape[0]))
    let own = token.view.picking(rows: everyone).copied().reshaped([x.shape[0], 1, x.channels])
    let tokens = attentionNorm(concatenatedRows([own.view, x.view]))
    let y = attention(tokens) + token.view
    return feedForward(norm(y), addedTo: y)
  }
}
