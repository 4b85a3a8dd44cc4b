import Checkpoints
import Tensors

/// The scaling around a network that keeps its input and output near unit variance at every noise
/// level, for latents whose channels have known and very different variances.
///
/// With noise level sigma, t = 1 - sigma, latents `x = t·z + sigma·n` and channel variances lambda of z,
/// the network sees `x / sqrt(t²·lambda + sigma²)` and answers F; then
///
///     z ≈ t·lambda / (t²·lambda + sigma²) · x + sqrt(lambda)·sigma / sqrt(t²·lambda + sigma²) · F
///     dx/dsigma = (sigma - t·lambda) / (t²·lambda + sigma²) · x - sqrt(lambda / (t²·lambda + sigma²)) · F
public struct Preconditioning: Sendable {
  private let variances: [Float]
  private let backend: any Backend

  /// Reads `latent_variance` [channels].
  ///
  /// - Throws: `CheckpointError`, also where a variance is not positive.
  public init(_ weights: Weights, channels: Int) throws(CheckpointError) {
    let variances = try weights.floats("latent_variance", [channels])
    for (channel, variance) in variances.enumerated() where !(variance > 0 && variance.isFinite) {
      throw .invalidValue(
        file: weights.file, key: weights.key("latent_variance"), expected: "positive variances",
        found: "\(variance) in channel \(channel)")
    }
    self.init(variances: variances, on: weights.backend)
  }

  /// - Parameter variances: positive, one for each channel.
  public init(variances: [Float], on backend: any Backend) {
    precondition(variances.allSatisfy { $0 > 0 }, "variances are positive")
    self.variances = variances
    self.backend = backend
  }

  /// What the network sees of latents `x` [B, A, C].
  public func input(_ x: Tensor, sigma: Float) -> Tensor {
    x * channels(sigma) { _, total in 1 / total.squareRoot() }
  }

  /// The velocity, from the latents `x` and the network's answer, both [B, A, C].
  public func velocity(_ x: Tensor, answer: Tensor, sigma: Float) -> Tensor {
    let t = 1 - Double(sigma)
    let ofLatents = channels(sigma) { variance, total in
      (Double(sigma) - t * variance) / total
    }
    let ofAnswer = channels(sigma) { variance, total in (variance / total).squareRoot() }
    return x * ofLatents - answer * ofAnswer
  }

  /// One factor for each channel, from its variance and that of the noisy latents.
  private func channels(_ sigma: Float, _ factor: (Double, Double) -> Double) -> Tensor {
    let (t, sigma) = (1 - Double(sigma), Double(sigma))
    return backend.tensor(
      variances.map { variance in
        Float(factor(Double(variance), t * t * Double(variance) + sigma * sigma))
      }, [1, variances.count])
  }
}
