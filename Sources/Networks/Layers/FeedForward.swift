import Checkpoints
import Tensors

/// Two matrices with an activation between them.
struct FeedForward: Sendable {
  private let widen: Linear
  private let narrow: Linear
  private let activation: Activation

  /// - Parameters:
  ///   - widen, narrow: where the two products lie; names differ from network to network.
  init(
    _ widen: Weights, _ narrow: Weights, width: Int, hidden: Int, activation: Activation
  ) throws(CheckpointError) {
    self.widen = try Linear(widen, from: width, to: hidden)
    self.narrow = try Linear(narrow, from: hidden, to: width)
    self.activation = activation
  }

  /// [.., width] -> [.., width], added to `residual`.
  func callAsFunction(_ x: Tensor, addedTo residual: Tensor) -> Tensor {
    narrow(widen(x, activation), Epilogue(residual: residual))
  }
}
