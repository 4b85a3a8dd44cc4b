import Checkpoints
import Tensors

/// The sentence encoder all-MiniLM-L6-v2: a BERT of six layers whose mean token state, scaled to unit
/// length, says what a text is about.
///
/// Legend: B texts, L tokens of the longest, D width 384.
public struct MiniLM: Sendable {
  public static let width = 384
  /// Longer texts lose their end, as in the original's training.
  public static let longestText = 256

  public let tokenizer: WordPieceTokenizer
  private let encoder: BERTEncoder

  /// What became of a batch of texts.
  public struct Encoding: Sendable {
    /// One vector of unit length for each text, [B, D].
    public let sentences: Tensor
    /// Mean of each text's token states, [B, D].
    public let means: Tensor
    /// State of every token, [B, L, D]; those from a text's length on are padding.
    public let tokens: Tensor
    /// Tokens of each text, beginning and end included.
    public let lengths: [Int]
  }

  /// Reads a checkpoint under its published key names; matrices may be of any float type or i8 with row
  /// scales.
  public init(_ weights: Weights, tokenizer: WordPieceTokenizer) throws(CheckpointError) {
    self.tokenizer = tokenizer
    encoder = try BERTEncoder(
      weights,
      BERTConfiguration(
        vocabulary: tokenizer.vocabularySize, width: MiniLM.width, heads: 12, layers: 6,
        feedForward: 1536, positions: 512, kinds: 2, epsilon: 1e-12, padding: tokenizer.padding,
        numbering: .fromZero))
  }

  public func callAsFunction(_ texts: [String]) -> Encoding {
    encode(texts.map { tokenizer($0, limit: MiniLM.longestText) })
  }

  /// - Parameter ids: the tokens of each text, at least one and at most 512.
  public func encode(_ ids: [[Int]]) -> Encoding {
    let lengths = ids.map(\.count)
    let x = encoder(encoder.embed(ids), lengths: lengths)
    let longest = x.shape[1]
    let means = concatenatedRows(
      lengths.enumerated().map { text, length in
        let states = x[text..<text + 1].reshaped([longest, MiniLM.width])[0..<length]
        return states.reshaped([1, length, MiniLM.width]).globalAveragePool().view
      }
    ).reshaped([ids.count, MiniLM.width])
    return Encoding(
      sentences: means.scaledToUnitLength(), means: means, tokens: x, lengths: lengths)
  }
}

extension Tensor {
  /// Every row divided by its Euclidean norm.
  fileprivate func scaledToUnitLength() -> Tensor {
    // The root-mean-square norm with one head over the whole row leaves a row of length sqrt(channels).
    view.rmsNormRotary(heads: 1, weight: nil, epsilon: 1e-24)
      * (1 / Float(channels).squareRoot())
  }
}
