import Checkpoints
import Tensors

/// Attention through time, attention within the frame, an MLP: each on the normalised tokens and added to
/// them. The first token takes part in both, and sees everything.
///
/// Reads `norm3` and `timeattn`, `norm1` and `attn`, `norm2` and `mlp`.
struct DividedBlock: Sendable {
  private let time: DividedAttention
  private let space: DividedAttention
  private let norm: LayerNorm
  private let feedForward: FeedForward

  init(
    _ weights: Weights, width: Int, heads: Int, frames: Int, places: Int, epsilon: Float
  ) throws(CheckpointError) {
    time = try DividedAttention(
      weights["timeattn"], norm: weights["norm3"], width: width, heads: heads,
      TokenDivision(frames: frames, places: places, group: .place), epsilon: epsilon)
    space = try DividedAttention(
      weights["attn"], norm: weights["norm1"], width: width, heads: heads,
      TokenDivision(frames: frames, places: places, group: .frame), epsilon: epsilon)
    norm = try LayerNorm(weights["norm2"], width: width, epsilon: epsilon)
    feedForward = try FeedForward(
      weights["mlp.fc1"], weights["mlp.fc2"], width: width,
      hidden: try weights.rows("mlp.fc1.bias"), activation: .geluErf)
  }

  /// [S, 1 + frames · places, width] -> the same shape
  func callAsFunction(_ x: Tensor) -> Tensor {
    let y = space(time(x))
    return feedForward(norm(y), addedTo: y)
  }
}

/// Attention of normalised tokens inside the groups of a division, added to the tokens.
private struct DividedAttention: Sendable {
  private let norm: LayerNorm
  private let queryKeyValue: Linear
  private let projection: Linear
  private let heads: Int
  private let division: TokenDivision

  init(
    _ weights: Weights, norm: Weights, width: Int, heads: Int, _ division: TokenDivision,
    epsilon: Float
  ) throws(CheckpointError) {
    self.norm = try LayerNorm(norm, width: width, epsilon: epsilon)
    queryKeyValue = try Linear(weights["qkv"], from: width, to: 3 * width)
    projection = try Linear(weights["proj"], from: width, to: width)
    self.heads = heads
    self.division = division
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let packed = queryKeyValue(norm(x))
    let heard = packed.chunk(0, of: 3).attend(
      keys: packed.chunk(1, of: 3), values: packed.chunk(2, of: 3), heads: heads,
      division: division)
    return projection(heard, Epilogue(residual: x))
  }
}

extension Weights {
  /// The first dimension of a tensor: a size that the file alone knows.
  func rows(_ name: String) throws(CheckpointError) -> Int {
    let shape = try host(name).shape
    guard shape.rank > 0, shape[0] > 0 else {
      throw .invalidValue(
        file: file, key: key(name), expected: "a tensor of one or more rows", found: "\(shape)")
    }
    return shape[0]
  }
}
