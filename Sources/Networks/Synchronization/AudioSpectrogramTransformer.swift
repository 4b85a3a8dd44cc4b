import Checkpoints
import Tensors

/// Synchformer's ear: an audio spectrogram transformer over each segment of sound, whose tokens are then
/// gathered along the frequencies, one for each moment.
///
/// Reads `ast` and `freq_attn_agg`. Legend: N segments, F = 12 and T = 6 patches along frequency and
/// time, D width.
public struct AudioSpectrogramTransformer: Sendable {
  /// Sizes of the transformer.
  public struct Configuration: Sendable, Equatable {
    public var width: Int
    public var layers: Int
    public var heads: Int
    public var feedForward: Int

    public init(width: Int = 768, layers: Int = 12, heads: Int = 12, feedForward: Int = 3072) {
      self.width = width
      self.layers = layers
      self.heads = heads
      self.feedForward = feedForward
    }

    func check(file: String) throws(CheckpointError) {
      guard width > 0, layers > 0, feedForward > 0, heads > 0, width % heads == 0 else {
        throw .invalidValue(
          file: file, key: "ast", expected: "sizes above 0, heads that divide the width",
          found: "width \(width), layers \(layers), heads \(heads), hidden \(feedForward)")
      }
    }
  }

  /// Mel bands and frames of a segment.
  public static let bands = 128
  public static let frames = 66
  /// Patches overlap: 16 x 16, ten apart.
  private static let patch = 16
  private static let step = 10
  private static let rows = (bands - patch) / step + 1
  /// Tokens of a segment, T.
  public static let tokensPerSegment = (frames - patch) / step + 1
  /// A class token and one for distillation lead the patches.
  private static let leading = 2
  private static let tokens = leading + rows * tokensPerSegment

  public let configuration: Configuration
  private let patches: Conv2d
  /// The leading tokens, [2, D].
  private let lead: Tensor
  /// [tokens, D]
  private let positions: Tensor
  private let layers: [PreNormBlock]
  private let norm: LayerNorm
  private let aggregation: TokenAggregation

  /// Throws also where the configuration cannot be run.
  public init(_ weights: Weights, _ configuration: Configuration) throws(CheckpointError) {
    try configuration.check(file: weights.file)
    self.configuration = configuration
    let width = configuration.width
    let transformer = weights["ast"]
    let embeddings = transformer["embeddings"]
    patches = try Conv2d(
      embeddings["patch_embeddings.projection"], from: 1, to: width,
      kernel: AudioSpectrogramTransformer.patch,
      Convolution2D(stride: AudioSpectrogramTransformer.step))
    lead = concatenatedRows([
      try embeddings.vector("cls_token", [1, 1, width]).view,
      try embeddings.vector("distillation_token", [1, 1, width]).view,
    ]).reshaped([AudioSpectrogramTransformer.leading, width])
    let count = AudioSpectrogramTransformer.tokens
    positions = try embeddings.vector("position_embeddings", [1, count, width])
      .reshaped([count, width])
    var layers: [PreNormBlock] = []
    for index in 0..<configuration.layers {
      layers.append(
        try PreNormBlock(spectrogram: transformer["encoder.layer"][index], configuration))
    }
    self.layers = layers
    norm = try LayerNorm(transformer["layernorm"], width: width, epsilon: 1e-12)
    aggregation = try TokenAggregation(
      weights["freq_attn_agg"], width: width, heads: configuration.heads,
      feedForward: configuration.feedForward, epsilon: 1e-6)
  }

  /// - Parameter spectra: normalised log-mel spectra (see `SegmentSpectra`), [N, 128, 66].
  /// - Returns: [N, T, D]
  public func callAsFunction(_ spectra: Tensor) -> Tensor {
    typealias Sizes = AudioSpectrogramTransformer
    precondition(
      spectra.shape.rank == 3 && spectra.shape[1] == Sizes.bands
        && spectra.shape[2] == Sizes.frames, "spectra \(spectra.shape)")
    let (segments, width) = (spectra.shape[0], configuration.width)
    let grid = patches(spectra.reshaped([segments, Sizes.bands, Sizes.frames, 1]))
    // Patches of one frequency follow each other in time.
    let patchTokens = grid.reshaped([segments, Sizes.rows * Sizes.tokensPerSegment, width])
    var x = concatenatedRows([lead.repeated(segments).view, patchTokens.view])
    x = x + positions.repeated(segments)
    for layer in layers { x = layer(x) }
    x = norm(x)

    // Frequencies of one moment, for each moment: [N · T, F, D].
    let moments = (0..<segments).flatMap { segment in
      (0..<Sizes.tokensPerSegment).flatMap { moment in
        (0..<Sizes.rows).map { row in
          segment * Sizes.tokens + Sizes.leading + row * Sizes.tokensPerSegment + moment
        }
      }
    }
    let columns = x.view.picking(rows: x.backend.rowIndex(moments)).copied()
      .reshaped([segments * Sizes.tokensPerSegment, Sizes.rows, width])
    return aggregation(columns).reshaped([segments, Sizes.tokensPerSegment, width])
  }
}

extension PreNormBlock {
  fileprivate init(
    spectrogram weights: Weights, _ configuration: AudioSpectrogramTransformer.Configuration
  ) throws(CheckpointError) {
    let (width, hidden) = (configuration.width, configuration.feedForward)
    let attention = weights["attention.attention"]
    self.init(
      attentionNorm: try LayerNorm(weights["layernorm_before"], width: width, epsilon: 1e-12),
      queryKeyValue: try Linear(
        joining: [attention["query"], attention["key"], attention["value"]], from: width,
        to: width, bias: true),
      projection: try Linear(weights["attention.output.dense"], from: width, to: width),
      norm: try LayerNorm(weights["layernorm_after"], width: width, epsilon: 1e-12),
      widen: try Linear(weights["intermediate.dense"], from: width, to: hidden),
      narrow: try Linear(weights["output.dense"], from: hidden, to: width),
      heads: configuration.heads)
  }
}

/// Makes one token of many: a token of its own joins them for one layer and is all that is kept.
///
/// Reads `cls_token`, `norm1`, `self_attn`, `norm2`, `linear1` and `linear2`.
struct TokenAggregation: Sendable {
  private let token: Tensor
  private let block: PreNormBlock

  init(_ weights: Weights, width: Int, heads: Int, feedForward: Int, epsilon: Float)
    throws(CheckpointError)
  {
    token = try weights.vector("cls_token", [1, 1, width]).reshaped([1, width])
    let attention = weights["self_attn"]
    block = PreNormBlock(
      attentionNorm: try LayerNorm(weights["norm1"], width: width, epsilon: epsilon),
      queryKeyValue: Linear(
        weight: try attention.tensor("in_proj_weight", [3 * width, width]),
        bias: try attention.vector("in_proj_bias", [3 * width])),
      projection: try Linear(attention["out_proj"], from: width, to: width),
      norm: try LayerNorm(weights["norm2"], width: width, epsilon: epsilon),
      widen: try Linear(weights["linear1"], from: width, to: feedForward),
      narrow: try Linear(weights["linear2"], from: feedForward, to: width), heads: heads)
  }

  /// [B, L, D] -> [B, D]
  func callAsFunction(_ x: Tensor) -> Tensor {
    let batch = x.shape[0]
    let y = block(concatenatedRows([token.repeated(batch).view, x.view]))
    let first = (0..<batch).map { $0 * y.shape[1] }
    return y.view.picking(rows: y.backend.rowIndex(first)).copied()
  }
}

extension Tensor {
  /// [L, D] -> [count, L, D], the same for each entry.
  func repeated(_ count: Int) -> Tensor {
    let rows = (0..<count).flatMap { _ in 0..<shape[0] }
    return view.picking(rows: backend.rowIndex(rows)).copied().reshaped([count, shape[0], shape[1]])
  }
}
