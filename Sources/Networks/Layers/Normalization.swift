import Checkpoints
import Tensors

/// Layer normalisation with learned weight and bias. Reads `weight` and `bias`, both [width].
public struct LayerNorm: Sendable {
  public let weight: Tensor
  public let bias: Tensor
  public let epsilon: Float

  public init(_ weights: Weights, width: Int, epsilon: Float) throws(CheckpointError) {
    weight = try weights.vector("weight", [width])
    bias = try weights.vector("bias", [width])
    self.epsilon = epsilon
  }

  /// [.., width] -> [.., width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.layerNorm(weight: weight, bias: bias, epsilon: epsilon)
  }
}

/// Root-mean-square normalisation of every attention head, followed by rotary positions.
/// Reads `weight` [head width].
public struct HeadNorm: Sendable {
  public let weight: Tensor
  public let epsilon: Float

  public init(_ weights: Weights, headWidth: Int, epsilon: Float) throws(CheckpointError) {
    weight = try weights.vector("weight", [headWidth])
    self.epsilon = epsilon
  }

  /// A view [.., heads · head width] -> the same shape, normalised and rotated.
  public func callAsFunction(_ x: View, heads: Int, rotary: RotaryTable?) -> Tensor {
    x.rmsNormRotary(heads: heads, weight: weight, epsilon: epsilon, rotary: rotary)
  }
}
