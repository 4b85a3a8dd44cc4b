import Checkpoints
import Tensors

/// Sizes and habits of a BERT.
struct BERTConfiguration: Sendable {
  var vocabulary: Int
  var width: Int
  var heads: Int
  var layers: Int
  var feedForward: Int
  var positions: Int
  /// Rows of the table of token types, of which the first is used.
  var kinds: Int
  var epsilon: Float
  /// The token that fills up shorter texts.
  var padding: Int
  var numbering: Numbering

  /// How tokens are numbered.
  enum Numbering: Sendable {
    /// 0, 1, 2, ...; padding goes on counting.
    case fromZero
    /// As RoBERTa does it: `padding` + 1, `padding` + 2, ... for all but padding tokens, which are number
    /// `padding`.
    case afterPadding
  }

  /// The longest text there are positions for.
  var longestText: Int {
    switch numbering {
    case .fromZero: positions
    case .afterPadding: positions - padding - 1
    }
  }
}

/// A BERT: embeddings of tokens and their positions, then layers that attend and are normalised after.
///
/// Reads `embeddings` and `encoder.layer.<i>`. Legend: B texts, L tokens of the longest, D width.
struct BERTEncoder: Sendable {
  let configuration: BERTConfiguration
  private let words: Embedding
  private let places: Embedding
  private let kinds: Embedding
  private let norm: LayerNorm
  private let layers: [BERTLayer]

  init(_ weights: Weights, _ configuration: BERTConfiguration) throws(CheckpointError) {
    self.configuration = configuration
    let (width, epsilon) = (configuration.width, configuration.epsilon)
    let embeddings = weights["embeddings"]
    words = try Embedding(
      embeddings["word_embeddings"], count: configuration.vocabulary, width: width)
    places = try Embedding(
      embeddings["position_embeddings"], count: configuration.positions, width: width)
    kinds = try Embedding(
      embeddings["token_type_embeddings"], count: configuration.kinds, width: width)
    norm = try LayerNorm(embeddings["LayerNorm"], width: width, epsilon: epsilon)
    var layers: [BERTLayer] = []
    for index in 0..<configuration.layers {
      layers.append(try BERTLayer(weights["encoder.layer"][index], configuration))
    }
    self.layers = layers
    // Tables of 0, 1, 2, ... and of zeros; and the head of another task.
    weights.ignore("embeddings.position_ids", "embeddings.token_type_ids")
    weights.ignore(below: "pooler")
  }

  /// What the tokens begin as, [B, L, D], shorter texts filled up with padding.
  ///
  /// - Parameter ids: the tokens of each text, at least one and at most `longestText`.
  func embed(_ ids: [[Int]]) -> Tensor {
    precondition(!ids.isEmpty, "no texts")
    precondition(
      ids.allSatisfy { (1...configuration.longestText).contains($0.count) },
      "lengths \(ids.map(\.count))")
    let longest = ids.map(\.count).max()!
    let padded = ids.map {
      $0 + [Int](repeating: configuration.padding, count: longest - $0.count)
    }
    let sum =
      words(padded.flatMap { $0 }) + places(padded.flatMap { numbers($0) }) + kinds([0]).view
    return norm(sum.reshaped([ids.count, longest, configuration.width]))
  }

  private func numbers(_ ids: [Int]) -> [Int] {
    switch configuration.numbering {
    case .fromZero: return Array(ids.indices)
    case .afterPadding:
      var last = configuration.padding
      return ids.map { id in
        guard id != configuration.padding else { return configuration.padding }
        last += 1
        return last
      }
    }
  }

  /// States of the tokens, [B, L, D] -> the same shape; tokens from each text's length on are not
  /// attended to, but have states of their own.
  func callAsFunction(_ embedded: Tensor, lengths: [Int]) -> Tensor {
    layers.reduce(embedded) { x, layer in layer(x, lengths: lengths) }
  }
}

/// One layer of BERT: attention, then an MLP, each added to its input and normalised after.
private struct BERTLayer: Sendable {
  private let queryKeyValue: Linear
  private let projection: Linear
  private let attentionNorm: LayerNorm
  private let widen: Linear
  private let narrow: Linear
  private let norm: LayerNorm
  private let heads: Int

  init(_ weights: Weights, _ configuration: BERTConfiguration) throws(CheckpointError) {
    let (width, epsilon) = (configuration.width, configuration.epsilon)
    let attention = weights["attention.self"]
    queryKeyValue = try Linear(
      joining: [attention["query"], attention["key"], attention["value"]], from: width, to: width,
      bias: true)
    projection = try Linear(weights["attention.output.dense"], from: width, to: width)
    attentionNorm = try LayerNorm(
      weights["attention.output.LayerNorm"], width: width, epsilon: epsilon)
    widen = try Linear(
      weights["intermediate.dense"], from: width, to: configuration.feedForward)
    narrow = try Linear(weights["output.dense"], from: configuration.feedForward, to: width)
    norm = try LayerNorm(weights["output.LayerNorm"], width: width, epsilon: epsilon)
    heads = configuration.heads
  }

  /// [B, L, D] -> [B, L, D]
  func callAsFunction(_ x: Tensor, lengths: [Int]) -> Tensor {
    let packed = queryKeyValue(x)
    let heard = packed.chunk(0, of: 3).attend(
      keys: packed.chunk(1, of: 3), values: packed.chunk(2, of: 3), heads: heads,
      keyLengths: lengths)
    let y = attentionNorm(projection(heard, Epilogue(residual: x)))
    return norm(narrow(widen(y, .geluErf), Epilogue(residual: y)))
  }
}
