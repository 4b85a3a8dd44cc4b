import Checkpoints
import Tensors

/// A transformer layer whose attention and MLP each read the normalised tokens and are added to the
/// tokens as they were.
///
/// Checkpoints name its parts in many ways, so each network reads them itself.
struct PreNormBlock: Sendable {
  let attentionNorm: LayerNorm
  /// Queries, keys and values side by side.
  let queryKeyValue: Linear
  let projection: Linear
  let norm: LayerNorm
  let widen: Linear
  let narrow: Linear
  let heads: Int

  /// [B, L, D] -> [B, L, D]; every token sees every other one of its batch entry.
  func callAsFunction(_ x: Tensor) -> Tensor {
    let packed = queryKeyValue(attentionNorm(x))
    let heard = packed.chunk(0, of: 3).attend(
      keys: packed.chunk(1, of: 3), values: packed.chunk(2, of: 3), heads: heads)
    let y = projection(heard, Epilogue(residual: x))
    return narrow(widen(norm(y), .geluErf), Epilogue(residual: y))
  }
}
