import Tensors

/// Holds part of the latents to values already known, so that a window continues the one before it.
///
/// Wherever the sampler stands at noise level sigma, a latent of weight w becomes
/// `w·((1 - sigma)·z + sigma·n) + (1 - w)·x`: where the known sound z would stand at that level, given
/// the noise n the run began with.
public struct LatentClamp: Sendable {
  private let free: Tensor
  private let known: Tensor
  private let noise: Tensor

  /// - Parameters:
  ///   - known: z, [B, A, C]; anywhere weights are 0 its values do not matter, as long as they are finite.
  ///   - noise: n, [B, A, C]; the tensor given to the sampler.
  ///   - weights: A values in 0...1, for the latents of every entry.
  public init(known: Tensor, noise: Tensor, weights: [Float]) {
    precondition(known.shape == noise.shape && known.shape.rank == 3)
    precondition(weights.count == known.shape[1], "one weight for each latent")
    precondition(weights.allSatisfy { (0...1).contains($0) }, "weights lie in 0...1")
    let backend = known.backend
    let each = (0..<known.shape[0]).flatMap { _ in
      weights.flatMap { [Float](repeating: $0, count: known.channels) }
    }
    let held = backend.tensor(each, known.shape)
    free = backend.tensor(each.map { 1 - $0 }, known.shape)
    self.known = known * held
    self.noise = noise * held
  }

  func callAsFunction(_ x: Tensor, sigma: Float) -> Tensor {
    (x * free).combined(1, with: known.view, 1 - sigma).combined(1, with: noise.view, sigma)
  }
}
