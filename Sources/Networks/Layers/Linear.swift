import Checkpoints
import Tensors

// How a layer is written
// ----------------------
// A layer is an immutable `Sendable` struct. Its initialiser takes a `Weights` cursor and reads every
// tensor it needs, naming the shape, so that a constructed layer is a loaded one:
//
//     struct FeedForward: Sendable {
//       private let widen: Linear
//       private let narrow: Linear
//
//       init(_ weights: Weights, width: Int) throws(CheckpointError) {
//         widen = try Linear(weights["fc1"], from: width, to: 4 * width)
//         narrow = try Linear(weights["fc2"], from: 4 * width, to: width)
//       }
//
//       /// [T, width] -> [T, width]
//       func callAsFunction(_ x: Tensor) -> Tensor {
//         narrow(widen(x, Epilogue(.geluErf)), Epilogue(residual: x))
//       }
//     }
//
// - `Weights["a.b"]["c"]` descends; the last part of a key is read by the layer itself (`weight`, `bias`).
// - Rows are tokens, the last dimension is channels; [B, T, C] where a batch matters, [T, C] elsewhere.
// - What can be fused into a product goes in its `Epilogue` (activation, residual, gate).
// - A `View` (`x.columns(0..<64)`, `x.chunk(1, of: 3)`, `table.view.picking(rows: index)`) reads part of a
//   tensor without a copy; `copied()` makes a tensor of it.
// - After the last layer is made, `weights.checkAllRead()` proves that nothing in the file was overlooked.

/// `x · weightᵀ + bias`. Reads `weight` [out, in] and, unless told otherwise, `bias` [out].
public struct Linear: Sendable {
  public let weight: Tensor
  public let bias: Tensor?
  public let precision: ProductPrecision

  public init(
    _ weights: Weights, from input: Int, to output: Int, bias: Bool = true,
    precision: ProductPrecision = .float
  ) throws(CheckpointError) {
    weight = try weights.tensor("weight", [output, input], for: precision)
    self.bias = bias ? try weights.vector("bias", [output]) : nil
    self.precision = precision
  }

  /// A product with tensors that are stored in a way of their own: weight [out, in], bias [out].
  init(weight: Tensor, bias: Tensor?) {
    self.weight = weight
    self.bias = bias
    precision = .float
  }

  /// A product whose output channels come in another order than the file's:
  /// channel i of the result is row `rowOrder[i]` of the stored matrix.
  public init(
    _ weights: Weights, from input: Int, to output: Int, rowOrder: [Int],
    precision: ProductPrecision = .float
  ) throws(CheckpointError) {
    let backend = weights.backend
    weight = precision.prepared(
      backend.upload(try weights.host("weight", [output, input]).pickingRows(rowOrder)))
    self.precision = precision
    bias = backend.upload(try weights.host("bias", [output]).widened().pickingRows(rowOrder))
  }

  /// Several matrices of one size that read the same input, run as one product:
  /// the outputs lie side by side in the order given.
  public init(joining parts: [Weights], from input: Int, to output: Int, bias: Bool)
    throws(CheckpointError)
  {
    var matrices: [HostTensor] = []
    var biases: [HostTensor] = []
    for part in parts {
      matrices.append(try part.host("weight", [output, input]))
      if bias { biases.append(try part.host("bias", [output]).widened()) }
    }
    let backend = parts[0].backend
    weight = backend.upload(.joiningRows(matrices))
    self.bias = bias ? backend.upload(.joiningRows(biases)) : nil
    precision = .float
  }

  /// [.., in] -> [.., out]
  public func callAsFunction(_ x: Tensor, _ epilogue: Epilogue = .none) -> Tensor {
    x.linear(weight, bias: bias, epilogue: epilogue, precision: precision)
  }

  /// The product with an activation on its result.
  public func callAsFunction(_ x: Tensor, _ activation: Activation) -> Tensor {
    self(x, Epilogue(activation))
  }
}
