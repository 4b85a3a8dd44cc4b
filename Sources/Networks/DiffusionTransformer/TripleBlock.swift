import Checkpoints
import Tensors

/// Audio and visual tokens attend to all of both together, then each to the text, then pass an MLP each.
///
/// Legend: B batch, A audio tokens, V visual tokens, L text tokens, D width.
struct TripleBlock: Sendable {
  private let audio: TokenStream
  private let visual: TokenStream
  private let textKeyValue: Linear
  private let textKeyNorm: HeadNorm
  private let heads: Int

  /// Shift, scale and gate of each stream's three parts, [1, 9 · D]: they depend on the time alone.
  struct Modulations: Sendable {
    let audio: Tensor
    let visual: Tensor
  }

  init(
    _ weights: Weights, _ configuration: TransformerConfiguration, _ precision: ProductPrecision
  ) throws(CheckpointError) {
    let width = configuration.width
    audio = try TokenStream(weights, .audio, configuration, precision)
    visual = try TokenStream(weights, .visual, configuration, precision)
    textKeyValue = try Linear(weights["text_cross_kv"], from: width, to: 2 * width)
    textKeyNorm = try HeadNorm(
      weights["text_cross_k_norm"], headWidth: configuration.headWidth, epsilon: 1e-6)
    heads = configuration.heads
  }

  /// Text tokens [B, L, D] -> what this block reads of them.
  func text(_ tokens: Tensor, _ positions: TokenPositions) -> TextKeysAndValues {
    let keyValue = textKeyValue(tokens)
    return TextKeysAndValues(
      keys: textKeyNorm(keyValue.chunk(0, of: 2), heads: heads, rotary: positions.text),
      values: keyValue.chunk(1, of: 2))
  }

  /// The activated time vector [1, D] -> what it makes of this block.
  func modulations(_ time: Tensor) -> Modulations {
    Modulations(audio: audio.modulation(time), visual: visual.modulation(time))
  }

  /// - Parameters:
  ///   - a: audio tokens, [B, A, D].
  ///   - v: visual tokens, [B, V, D].
  func callAsFunction(
    _ a: Tensor, _ v: Tensor, _ modulations: Modulations, text: TextKeysAndValues,
    _ positions: TokenPositions
  ) -> (audio: Tensor, visual: Tensor) {
    let audioParts = Modulation(modulations.audio, parts: 3)
    let visualParts = Modulation(modulations.visual, parts: 3)
    let fromAudio = audio.project(a, audioParts, rotary: positions.audioJoint)
    let fromVisual = visual.project(v, visualParts, rotary: positions.visualJoint)
    let keys = concatenatedRows([fromVisual.keys.view, fromAudio.keys.view]).view
    let values = concatenatedRows([fromVisual.values, fromAudio.values]).view

    func pass(
      _ stream: TokenStream, _ x: Tensor, _ queries: Tensor, _ parts: Modulation, _ own: RotaryTable
    ) -> Tensor {
      let heard = queries.view.attend(keys: keys, values: values, heads: heads)
      let y = stream.joinSelf(heard, to: x, parts)
      let read = stream.textQueries(y, parts, rotary: own).view
        .attend(keys: text.keys.view, values: text.values, heads: heads)
      return stream.feedForward(stream.joinText(read, to: y, parts), parts)
    }
    return (
      pass(audio, a, fromAudio.queries, audioParts, positions.audio),
      pass(visual, v, fromVisual.queries, visualParts, positions.visual)
    )
  }
}
