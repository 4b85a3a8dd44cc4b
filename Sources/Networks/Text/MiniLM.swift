import Checkpoints
import Tensors

/// The sentence encoder all-MiniLM-L6-v2: a BERT of six layers whose mean token state, scaled to unit
/// length, says what a text is about.
///
/// Legend: B texts, L tokens of the longest, D width 384.
public struct MiniLM: Sendable {
  public static let width = 384
  private static let heads = 12
  private static let layers = 6
  private static let feedForward = 1536
  private static let positions = 512
  fileprivate static let epsilon: Float = 1e-12
  /// Longer texts lose their end, as in the original's training.
  public static let longestText = 256

  public let tokenizer: WordPieceTokenizer
  private let words: Embedding
  private let places: Embedding
  private let kinds: Embedding
  private let norm: LayerNorm
  private let encoder: [Layer]

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
    let embeddings = weights["embeddings"]
    words = try Embedding(
      embeddings["word_embeddings"], count: tokenizer.vocabularySize, width: MiniLM.width)
    places = try Embedding(
      embeddings["position_embeddings"], count: MiniLM.positions, width: MiniLM.width)
    kinds = try Embedding(embeddings["token_type_embeddings"], count: 2, width: MiniLM.width)
    norm = try LayerNorm(
      embeddings["LayerNorm"], width: MiniLM.width, epsilon: MiniLM.epsilon)
    var layers: [Layer] = []
    for index in 0..<MiniLM.layers {
      layers.append(
        try Layer(
          weights["encoder.layer"][index], width: MiniLM.width, heads: MiniLM.heads,
          hidden: MiniLM.feedForward))
    }
    encoder = layers
    // 0, 1, 2, ...; and the head of another task.
    weights.ignore("embeddings.position_ids")
    weights.ignore(below: "pooler")
  }

  public func callAsFunction(_ texts: [String]) -> Encoding {
    encode(texts.map { tokenizer($0, limit: MiniLM.longestText) })
  }

  /// - Parameter ids: the tokens of each text, at least one and at most 512.
  public func encode(_ ids: [[Int]]) -> Encoding {
    precondition(!ids.isEmpty, "no texts")
    let lengths = ids.map(\.count)
    let longest = lengths.max()!
    precondition(lengths.allSatisfy { (1...MiniLM.positions).contains($0) }, "lengths \(lengths)")
    let padded = ids.flatMap {
      $0 + [Int](repeating: tokenizer.padding, count: longest - $0.count)
    }
    let shape: Shape = [ids.count, longest, MiniLM.width]
    let place = places(ids.flatMap { _ in 0..<longest })
    var x = norm((words(padded) + place + kinds([0]).view).reshaped(shape))
    for layer in encoder { x = layer(x, lengths: lengths) }

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

/// One layer of BERT: attention, then an MLP, each added to its input and normalised after.
private struct Layer: Sendable {
  let queryKeyValue: Linear
  let projection: Linear
  let attentionNorm: LayerNorm
  let widen: Linear
  let narrow: Linear
  let norm: LayerNorm
  let heads: Int

  init(_ weights: Weights, width: Int, heads: Int, hidden: Int) throws(CheckpointError) {
    let attention = weights["attention.self"]
    queryKeyValue = try Linear(
      joining: [attention["query"], attention["key"], attention["value"]], from: width, to: width,
      bias: true)
    projection = try Linear(weights["attention.output.dense"], from: width, to: width)
    attentionNorm = try LayerNorm(
      weights["attention.output.LayerNorm"], width: width, epsilon: MiniLM.epsilon)
    widen = try Linear(weights["intermediate.dense"], from: width, to: hidden)
    narrow = try Linear(weights["output.dense"], from: hidden, to: width)
    norm = try LayerNorm(weights["output.LayerNorm"], width: width, epsilon: MiniLM.epsilon)
    self.heads = heads
  }

  /// [B, L, D] -> [B, L, D]; tokens from each text's length on are not attended to.
  func callAsFunction(_ x: Tensor, lengths: [Int]) -> Tensor {
    let packed = queryKeyValue(x)
    let heard = packed.chunk(0, of: 3).attend(
      keys: packed.chunk(1, of: 3), values: packed.chunk(2, of: 3), heads: heads,
      keyLengths: lengths)
    let y = attentionNorm(projection(heard, Epilogue(residual: x)))
    return norm(narrow(widen(y, .geluErf), Epilogue(residual: y)))
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
