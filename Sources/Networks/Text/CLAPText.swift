import Checkpoints
import Tensors

/// Sizes of a CLAP text tower, under the names of `text_config` in its `config.json`.
public struct CLAPTextConfiguration: Sendable, Equatable {
  public var vocabularySize: Int
  public var width: Int
  public var layers: Int
  public var heads: Int
  public var feedForward: Int
  public var positions: Int
  public var kinds: Int
  public var epsilon: Float
  public var padding: Int

  /// `laion/larger_clap_general`.
  public static let larger = CLAPTextConfiguration(
    vocabularySize: 50265, width: 768, layers: 12, heads: 12, feedForward: 3072, positions: 514,
    kinds: 1, epsilon: 1e-12, padding: 1)

  /// - Throws: `invalidValue` where the sizes do not fit each other.
  func check(file: String) throws(CheckpointError) {
    func demand(_ condition: Bool, _ key: String, _ expected: String, _ found: Int)
      throws(CheckpointError)
    {
      guard condition else {
        throw .invalidValue(file: file, key: key, expected: expected, found: "\(found)")
      }
    }
    try demand(width > 0, "hidden_size", "at least 1", width)
    try demand(
      heads > 0 && width % heads == 0, "num_attention_heads",
      "a divisor of hidden_size \(width)", heads)
    try demand(layers > 0, "num_hidden_layers", "at least 1", layers)
    try demand(feedForward > 0, "intermediate_size", "at least 1", feedForward)
    try demand(kinds > 0, "type_vocab_size", "at least 1", kinds)
    try demand(vocabularySize > 0, "vocab_size", "at least 1", vocabularySize)
    try demand(
      (0..<vocabularySize).contains(padding), "pad_token_id",
      "below vocab_size \(vocabularySize)", padding)
    // A beginning, an end, and nothing between.
    try demand(
      positions >= padding + 3, "max_position_embeddings", "at least \(padding + 3)", positions)
  }
}

extension CLAPTextConfiguration: Decodable {
  private enum CodingKeys: String, CodingKey {
    case vocabularySize = "vocab_size"
    case width = "hidden_size"
    case layers = "num_hidden_layers"
    case heads = "num_attention_heads"
    case feedForward = "intermediate_size"
    case positions = "max_position_embeddings"
    case kinds = "type_vocab_size"
    case epsilon = "layer_norm_eps"
    case padding = "pad_token_id"
  }

  /// What is absent is as in `larger`, which is what the library that writes these files leaves out.
  public init(from decoder: any Decoder) throws {
    self = .larger
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func read(_ key: CodingKeys, _ field: WritableKeyPath<Self, Int>) throws {
      if let value = try values.decodeIfPresent(Int.self, forKey: key) {
        self[keyPath: field] = value
      }
    }
    try read(.vocabularySize, \.vocabularySize)
    try read(.width, \.width)
    try read(.layers, \.layers)
    try read(.heads, \.heads)
    try read(.feedForward, \.feedForward)
    try read(.positions, \.positions)
    try read(.kinds, \.kinds)
    try read(.padding, \.padding)
    epsilon = try values.decodeIfPresent(Float.self, forKey: .epsilon) ?? epsilon
  }
}

/// The text tower of CLAP: a RoBERTa whose token states, padding's included, condition the transformer.
///
/// Reads `text_model`. Legend: B texts, L tokens of the longest, D width.
public struct CLAPText: Sendable {
  public let configuration: CLAPTextConfiguration
  private let encoder: BERTEncoder

  /// Throws also where the configuration cannot be run.
  public init(_ weights: Weights, _ configuration: CLAPTextConfiguration) throws(CheckpointError) {
    try configuration.check(file: weights.file)
    self.configuration = configuration
    encoder = try BERTEncoder(
      weights["text_model"],
      BERTConfiguration(
        vocabulary: configuration.vocabularySize, width: configuration.width,
        heads: configuration.heads, layers: configuration.layers,
        feedForward: configuration.feedForward, positions: configuration.positions,
        kinds: configuration.kinds, epsilon: configuration.epsilon,
        padding: configuration.padding, numbering: .afterPadding))
    // The sound tower, and what brings the two into one space.
    weights.ignore(below: "audio_model")
    weights.ignore(below: "audio_projection")
    weights.ignore(below: "text_projection")
    weights.ignore("logit_scale_a", "logit_scale_t")
  }

  /// The most tokens of a text, 512 as published.
  public var longestText: Int { encoder.configuration.longestText }

  /// What the tokens begin as, [B, L, D].
  public func embed(_ ids: [[Int]]) -> Tensor { encoder.embed(ids) }

  /// The last layer's states of all tokens, [B, L, D]. Padding is not attended to here, but has states of
  /// its own, which the published pipeline feeds on without a mask.
  ///
  /// - Parameter ids: the tokens of each text, at least one and at most `longestText`.
  public func encode(_ ids: [[Int]]) -> Tensor {
    encoder(encoder.embed(ids), lengths: ids.map(\.count))
  }
}

/// A CLAP text tower with its tokenizer: prompts in, conditions out.
public struct CLAPPrompts: Sendable {
  /// Longer texts lose the states of their later tokens, after these had their say in the earlier ones'.
  public static let longestFeatures = 77

  public let text: CLAPText
  public let tokenizer: BytePairTokenizer

  /// - Throws: `invalidValue` where the tokenizer knows tokens that the tower does not.
  public init(_ text: CLAPText, tokenizer: BytePairTokenizer, file: String) throws(CheckpointError)
  {
    guard tokenizer.vocabularySize <= text.configuration.vocabularySize else {
      throw .invalidValue(
        file: file, key: "vocab_size",
        expected: "at least the tokenizer's \(tokenizer.vocabularySize)",
        found: "\(text.configuration.vocabularySize)")
    }
    guard tokenizer.padding == text.configuration.padding else {
      throw .invalidValue(
        file: file, key: "pad_token_id", expected: "the tokenizer's \(tokenizer.padding)",
        found: "\(text.configuration.padding)")
    }
    self.text = text
    self.tokenizer = tokenizer
  }

  /// States of the tokens of several texts, such as the negative and the wanted prompt, padded to the
  /// longest: [B, L, D] with L at most 77.
  public func callAsFunction(_ texts: [String]) -> Tensor {
    let states = text.encode(texts.map { tokenizer($0, limit: text.longestText) })
    let (batch, length, width) = (states.shape[0], states.shape[1], states.shape[2])
    guard length > CLAPPrompts.longestFeatures else { return states }
    let heads = (0..<batch).map { entry in
      states[entry..<entry + 1].reshaped([length, width])[0..<CLAPPrompts.longestFeatures].view
    }
    return concatenatedRows(heads).reshaped([batch, CLAPPrompts.longestFeatures, width])
  }
}
