import Tensors

/// Everything a diffusion transformer is told about the sound that does not change with the diffusion
/// time, computed once per clip or window by `DiffusionTransformer.conditions`.
///
/// Legend: B batch, A audio, V visual, L text tokens, U distinct sync rows, D width.
public struct Conditions: Sendable {
  public let batch: Int
  /// Audio tokens of each batch entry.
  public let latents: Int
  /// Rows for which the single blocks compute their modulation; at most batch · sync tokens.
  public let distinctSyncRows: Int

  /// Visual tokens, [B, V, D].
  let visual: Tensor
  /// One entry for each triple block.
  let text: [TextKeysAndValues]
  /// Sync features as tokens, [U, D].
  let sync: Tensor
  /// Which of them each audio token takes: i32, [B · A].
  let syncIndex: Tensor
  let positions: TokenPositions
}

/// What one triple block reads of the text.
struct TextKeysAndValues: Sendable {
  /// Normalised and rotated, [B, L, D].
  let keys: Tensor
  /// [B, L, D]
  let values: View
}
