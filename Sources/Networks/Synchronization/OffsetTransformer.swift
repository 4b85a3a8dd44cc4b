import Checkpoints
import Tensors

/// Synchformer's judgement: how far sound and picture are apart, from the features of both.
///
/// Reads `vproj`, `aproj` and `transformer`. Legend: B clips, S segments, V and A tokens of a segment, D
/// width.
public struct OffsetTransformer: Sendable {
  /// Sizes of the transformer, and the width of the features it compares.
  public struct Configuration: Sendable, Equatable {
    public var width: Int
    public var layers: Int
    public var heads: Int
    public var visualWidth: Int
    public var audioWidth: Int
    /// All tokens there are positions for.
    public var tokens: Int

    public init(
      width: Int = 768, layers: Int = 3, heads: Int = 8, visualWidth: Int = 768,
      audioWidth: Int = 768, tokens: Int = 198
    ) {
      self.width = width
      self.layers = layers
      self.heads = heads
      self.visualWidth = visualWidth
      self.audioWidth = audioWidth
      self.tokens = tokens
    }

    func check(file: String) throws(CheckpointError) {
      guard width > 0, layers > 0, heads > 0, width % heads == 0, visualWidth > 0, audioWidth > 0,
        tokens > 2
      else {
        throw .invalidValue(
          file: file, key: "transformer", expected: "sizes above 0, heads that divide the width",
          found: "width \(width), layers \(layers), heads \(heads), tokens \(tokens)")
      }
    }
  }

  /// Seconds that each class stands for: by how much sound and picture are out of step.
  public static let offsets: [Float] = (-10...10).map { Float($0) / 5 }
  /// Segments of the clips it was trained on.
  public static let segments = 14
  private static let epsilon: Float = 1e-5

  public let configuration: Configuration
  private let visual: Linear
  private let audio: Linear
  private let visualNorm: LayerNorm
  private let audioNorm: LayerNorm
  /// The token that becomes the answer, and the one between picture and sound: [1, D].
  private let answer: Tensor
  private let divider: Tensor
  /// [tokens, D]
  private let positions: Tensor
  private let blocks: [PreNormBlock]
  private let norm: LayerNorm
  private let head: Linear

  /// Throws also where the configuration cannot be run.
  public init(_ weights: Weights, _ configuration: Configuration) throws(CheckpointError) {
    try configuration.check(file: weights.file)
    self.configuration = configuration
    let (width, epsilon) = (configuration.width, OffsetTransformer.epsilon)
    visual = try Linear(weights["vproj"], from: configuration.visualWidth, to: width)
    audio = try Linear(weights["aproj"], from: configuration.audioWidth, to: width)
    let transformer = weights["transformer"]
    visualNorm = try LayerNorm(transformer["vis_in_lnorm"], width: width, epsilon: epsilon)
    audioNorm = try LayerNorm(transformer["aud_in_lnorm"], width: width, epsilon: epsilon)
    answer = try transformer.vector("OFF_tok", [1, 1, width]).reshaped([1, width])
    divider = try transformer.vector("MOD_tok", [1, 1, width]).reshaped([1, width])
    positions = try transformer["pos_emb_cfg"].vector("pos_emb", [1, configuration.tokens, width])
      .reshaped([configuration.tokens, width])
    var blocks: [PreNormBlock] = []
    for index in 0..<configuration.layers {
      blocks.append(try PreNormBlock(offset: transformer["blocks"][index], configuration))
    }
    self.blocks = blocks
    norm = try LayerNorm(transformer["ln_f"], width: width, epsilon: epsilon)
    head = try Linear(transformer["off_head"], from: width, to: OffsetTransformer.offsets.count)
  }

  /// - Parameters:
  ///   - visual: [B, S, V, visual width].
  ///   - audio: [B, S, A, audio width].
  /// - Returns: logits of the offsets, [B, 21].
  public func callAsFunction(visual: Tensor, audio: Tensor) -> Tensor {
    precondition(
      visual.shape.rank == 4 && audio.shape.rank == 4 && visual.shape[0] == audio.shape[0],
      "features \(visual.shape) and \(audio.shape)")
    let (batch, width) = (visual.shape[0], configuration.width)
    let seen = visualNorm(self.visual(visual))
    let heard = audioNorm(self.audio(audio))
    var x = concatenatedRows([
      answer.repeated(batch).view,
      seen.reshaped([batch, visual.shape[1] * visual.shape[2], width]).view,
      divider.repeated(batch).view,
      heard.reshaped([batch, audio.shape[1] * audio.shape[2], width]).view,
    ])
    let count = x.shape[1]
    precondition(
      count <= configuration.tokens, "\(count) tokens, \(configuration.tokens) positions")
    x = x + positions[0..<count].repeated(batch)
    for block in blocks { x = block(x) }
    let first = x.view.picking(rows: x.backend.rowIndex((0..<batch).map { $0 * count })).copied()
    return head(norm(first))
  }

  /// How likely each of `offsets` is, [B, 21] logits -> [B, 21], each row of sum 1.
  public func probabilities(_ logits: Tensor) -> Tensor { logits.softmax() }
}

extension PreNormBlock {
  fileprivate init(offset weights: Weights, _ configuration: OffsetTransformer.Configuration)
    throws(CheckpointError)
  {
    let (width, epsilon) = (configuration.width, Float(1e-5))
    let attention = weights["attn"]
    self.init(
      attentionNorm: try LayerNorm(weights["ln1"], width: width, epsilon: epsilon),
      queryKeyValue: try Linear(
        joining: [attention["query"], attention["key"], attention["value"]], from: width,
        to: width, bias: true),
      projection: try Linear(attention["proj"], from: width, to: width),
      norm: try LayerNorm(weights["ln2"], width: width, epsilon: epsilon),
      widen: try Linear(weights["mlp.0"], from: width, to: 4 * width),
      narrow: try Linear(weights["mlp.2"], from: 4 * width, to: width),
      heads: configuration.heads)
  }
}
