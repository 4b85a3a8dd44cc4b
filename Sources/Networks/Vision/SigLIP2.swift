import Checkpoints
import Tensors

/// The vision tower of SigLIP2: what a picture shows, as one vector that a learned token gathers from a
/// transformer over the picture's patches.
///
/// Legend: B pictures, N patches, D width.
public struct SigLIP2: Sendable {
  public let configuration: SigLIP2Configuration
  private let patches: Conv2d
  private let positions: Tensor
  private let encoder: [Layer]
  private let norm: LayerNorm
  private let head: PoolingHead

  /// Reads `vision_model.*` of a checkpoint under its published names.
  public init(
    _ weights: Weights, _ configuration: SigLIP2Configuration
  ) throws(CheckpointError) {
    self.configuration = configuration
    let width = configuration.width
    let vision = weights["vision_model"]
    patches = try Conv2d(
      vision["embeddings.patch_embedding"], from: 3, to: width, kernel: configuration.patchSize,
      Convolution2D(stride: configuration.patchSize))
    positions = try vision["embeddings.position_embedding"].vector(
      "weight", [configuration.tokens, width])
    var layers: [Layer] = []
    for index in 0..<configuration.layers {
      layers.append(try Layer(vision["encoder.layers"][index], configuration))
    }
    encoder = layers
    norm = try LayerNorm(vision["post_layernorm"], width: width, epsilon: configuration.epsilon)
    head = try PoolingHead(vision["head"], configuration)
    // 0, 1, 2, ...; the text tower, and how the two towers' vectors are compared.
    vision.ignore("embeddings.position_ids")
    weights.ignore(below: "text_model")
    weights.ignore("logit_scale", "logit_bias")
  }

  /// - Parameters:
  ///   - images: [B, H, W, 3], red green blue, -1...1; both sides `imageSize`.
  ///   - observe: told of `embeddings` and `post_layernorm`, both [B, N, D].
  /// - Returns: [B, D]
  public func callAsFunction(
    _ images: Tensor, observe: DiffusionTransformer.Observer? = nil
  ) -> Tensor {
    let batch = images.shape[0]
    let size = configuration.imageSize
    precondition(images.shape == [batch, size, size, 3], "pictures \(images.shape)")
    let everyone = images.backend.rowIndex((0..<batch).flatMap { _ in 0..<configuration.tokens })
    var x =
      patches(images).reshaped([batch, configuration.tokens, configuration.width])
      + positions.view.picking(rows: everyone)
    observe?("embeddings", x)
    for layer in encoder { x = layer(x) }
    x = norm(x)
    observe?("post_layernorm", x)
    return head(x)
  }
}

/// Attention, then an MLP, each on the normalised tokens and added to them.
private struct Layer: Sendable {
  private let attentionNorm: LayerNorm
  private let queryKeyValue: Linear
  private let projection: Linear
  private let norm: LayerNorm
  private let feedForward: FeedForward
  private let heads: Int

  init(_ weights: Weights, _ configuration: SigLIP2Configuration) throws(CheckpointError) {
    let (width, epsilon) = (configuration.width, configuration.epsilon)
    let attention = weights["self_attn"]
    attentionNorm = try LayerNorm(weights["layer_norm1"], width: width, epsilon: epsilon)
    queryKeyValue = try Linear(
      joining: [attention["q_proj"], attention["k_proj"], attention["v_proj"]], from: width,
      to: width, bias: true)
    projection = try Linear(attention["out_proj"], from: width, to: width)
    norm = try LayerNorm(weights["layer_norm2"], width: width, epsilon: epsilon)
    feedForward = try FeedForward(
      weights["mlp.fc1"], weights["mlp.fc2"], width: width, hidden: configuration.hidden,
      activation: configuration.activation)
    heads = configuration.heads
  }

  /// [B, N, D] -> [B, N, D]
  func callAsFunction(_ x: Tensor) -> Tensor {
    let packed = queryKeyValue(attentionNorm(x))
    let heard = packed.chunk(0, of: 3).attend(
      keys: packed.chunk(1, of: 3), values: packed.chunk(2, of: 3), heads: heads)
    let y = projection(heard, Epilogue(residual: x))
    return feedForward(norm(y), addedTo: y)
  }
}

/// A learned token gathers what it wants from all patches; an MLP follows.
private struct PoolingHead: Sendable {
  private let attention: LearnedQuery
  private let norm: LayerNorm
  private let feedForward: FeedForward

  init(_ weights: Weights, _ configuration: SigLIP2Configuration) throws(CheckpointError) {
    let width = configuration.width
    attention = try LearnedQuery(
      weights["attention"], token: weights.vector("probe", [1, 1, width]).reshaped([1, width]),
      heads: configuration.heads)
    norm = try LayerNorm(weights["layernorm"], width: width, epsilon: configuration.epsilon)
    feedForward = try FeedForward(
      weights["mlp.fc1"], weights["mlp.fc2"], width: width, hidden: configuration.hidden,
      activation: configuration.activation)
  }

  /// [B, N, D] -> [B, D]
  func callAsFunction(_ tokens: Tensor) -> Tensor {
    let gathered = attention(tokens)
    return feedForward(norm(gathered), addedTo: gathered)
  }
}
