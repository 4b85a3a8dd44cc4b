import Tensors

/// Shift, scale and gate of each part of a block, side by side as one product made them.
struct Modulation: Sendable {
  private let vectors: Tensor
  private let parts: Int
  /// Which row each token takes; nil where all take the only one.
  private let rowIndex: Tensor?

  /// - Parameters:
  ///   - vectors: [rows, 3 · parts · D].
  ///   - rowIndex: i32, one entry for each token.
  init(_ vectors: Tensor, parts: Int, rowIndex: Tensor? = nil) {
    self.vectors = vectors
    self.parts = parts
    self.rowIndex = rowIndex
  }

  /// `norm(x) * (1 + scale) + shift`
  func normalise(_ x: Tensor, part: Int, epsilon: Float) -> Tensor {
    x.layerNorm(epsilon: epsilon, shift: vector(3 * part), scale: vector(3 * part + 1))
  }

  func gate(_ part: Int) -> View { vector(3 * part + 2) }

  private func vector(_ index: Int) -> View {
    vectors.chunk(index, of: 3 * parts).picking(rows: rowIndex)
  }
}
