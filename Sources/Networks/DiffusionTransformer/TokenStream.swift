import Checkpoints
import Tensors

/// The part of a triple block that belongs to one kind of token.
///
/// Audio and visual tokens pass the same arithmetic with weights of their own, under keys that differ
/// in more than a prefix.
struct TokenStream: Sendable {
  struct Keys: Sendable {
    let modulation, queryKeyValue, queryNorm, keyNorm, selfProjection: String
    let textQuery, textQueryNorm, textProjection, feedForward: String

    static let audio = Keys(
      modulation: "audio_mod.linear", queryKeyValue: "audio_self_attn_qkv",
      queryNorm: "audio_self_q_norm", keyNorm: "audio_self_k_norm",
      selfProjection: "audio_self_proj", textQuery: "audio_cross_q",
      textQueryNorm: "audio_cross_q_norm", textProjection: "audio_cross_proj",
      feedForward: "audio_mlp")

    static let visual = Keys(
      modulation: "v_cond_mod.linear", queryKeyValue: "v_cond_attn_qkv",
      queryNorm: "v_cond_attn_q_norm", keyNorm: "v_cond_attn_k_norm",
      selfProjection: "v_cond_self_proj", textQuery: "v_cond_cross_q",
      textQueryNorm: "v_cond_cross_q_norm", textProjection: "v_cond_cross_proj",
      feedForward: "v_cond_mlp")
  }

  private let modulate: Linear
  private let queryKeyValue: Linear
  private let queryNorm: HeadNorm
  private let keyNorm: HeadNorm
  private let selfProjection: Linear
  private let textQuery: Linear
  private let textQueryNorm: HeadNorm
  private let textProjection: Linear
  private let widen: Linear
  private let narrow: Linear
  private let heads: Int

  /// Of all norms in a triple block.
  private static let epsilon: Float = 1e-6

  /// - Parameter precision: of all products but the modulation's, whose small errors would reach every token.
  init(
    _ weights: Weights, _ keys: Keys, _ configuration: TransformerConfiguration,
    _ precision: ProductPrecision
  ) throws(CheckpointError) {
    let (width, hidden) = (configuration.width, configuration.feedForwardWidth)
    func linear(_ key: String, to output: Int) throws(CheckpointError) -> Linear {
      try Linear(weights[key], from: width, to: output, precision: precision)
    }
    func norm(_ key: String) throws(CheckpointError) -> HeadNorm {
      try HeadNorm(
        weights[key], headWidth: configuration.headWidth, epsilon: TokenStream.epsilon)
    }
    modulate = try Linear(weights[keys.modulation], from: width, to: 9 * width)
    queryKeyValue = try linear(keys.queryKeyValue, to: 3 * width)
    queryNorm = try norm(keys.queryNorm)
    keyNorm = try norm(keys.keyNorm)
    selfProjection = try linear(keys.selfProjection, to: width)
    textQuery = try linear(keys.textQuery, to: width)
    textQueryNorm = try norm(keys.textQueryNorm)
    textProjection = try linear(keys.textProjection, to: width)
    let feedForward = weights[keys.feedForward]
    widen = try Linear(feedForward["fc1"], from: width, to: hidden, precision: precision)
    narrow = try Linear(feedForward["fc2"], from: hidden, to: width, precision: precision)
    heads = configuration.heads
  }

  /// The activated time vector [1, D] -> shift, scale and gate of this stream's three parts, [1, 9 · D].
  func modulation(_ time: Tensor) -> Tensor { modulate(time) }

  /// Tokens [B, T, D] -> queries and keys, normalised and rotated, and values.
  func project(
    _ x: Tensor, _ modulation: Modulation, rotary: RotaryTable
  ) -> (queries: Tensor, keys: Tensor, values: View) {
    let packed = queryKeyValue(modulation.normalise(x, part: 0, epsilon: TokenStream.epsilon))
    return (
      queryNorm(packed.chunk(0, of: 3), heads: heads, rotary: rotary),
      keyNorm(packed.chunk(1, of: 3), heads: heads, rotary: rotary),
      packed.chunk(2, of: 3)
    )
  }

  /// What the tokens heard from all others, added to them.
  func joinSelf(_ heard: Tensor, to x: Tensor, _ modulation: Modulation) -> Tensor {
    selfProjection(heard, Epilogue(residual: x, gate: modulation.gate(0)))
  }

  /// The questions the tokens ask of the text, normalised and rotated.
  func textQueries(_ x: Tensor, _ modulation: Modulation, rotary: RotaryTable) -> Tensor {
    let queries = textQuery(modulation.normalise(x, part: 1, epsilon: TokenStream.epsilon))
    return textQueryNorm(queries.view, heads: heads, rotary: rotary)
  }

  /// What the tokens read in the text, added to them.
  func joinText(_ read: Tensor, to x: Tensor, _ modulation: Modulation) -> Tensor {
    textProjection(read, Epilogue(residual: x, gate: modulation.gate(1)))
  }

  func feedForward(_ x: Tensor, _ modulation: Modulation) -> Tensor {
    let y = modulation.normalise(x, part: 2, epsilon: TokenStream.epsilon)
    return narrow(widen(y, .geluTanh), Epilogue(residual: x, gate: modulation.gate(2)))
  }
}
