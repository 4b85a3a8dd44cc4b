import Sampling
import Tensors

/// What a window takes over of latents already made: from the window before it, or, in a retake, from what
/// surrounds the part to be made again.
///
/// The last two seconds of a window are the first two of the next. There the sampler is held to the
/// latents already made: fully during the first second, then ever less, so that the sound goes on as
/// it was and no seam is heard. Nothing is averaged in the waveform, which would dull it.
package struct Continuation: Sendable {
  /// Latents of the overlap, [rows, channels], row-major.
  let latents: [Float]
  /// How strongly each row is held: 1 kept as it is, 0 free.
  let weights: [Float]
  let channels: Int

  /// - Parameters:
  ///   - latents: [rows, channels], row-major, from the start of the window on.
  ///   - weights: of each row.
  package init(latents: [Float], weights: [Float], channels: Int) {
    precondition(latents.count == weights.count * channels)
    (self.latents, self.weights, self.channels) = (latents, weights, channels)
  }

  /// The overlap that `window` ([latentsPerWindow, channels], row-major) leaves to the next.
  package init(after window: [Float], channels: Int) {
    precondition(window.count == WindowPlan.latentsPerWindow * channels)
    latents = Array(window[(WindowPlan.latentsPerHop * channels)...])
    weights = Continuation.weights
    self.channels = channels
  }

  /// The hold on a window whose run begins with `noise` [1, latents, channels].
  func clamp(noise: Tensor) -> LatentClamp {
    let count = noise.shape[1]
    precondition(count >= weights.count, "a window within the overlap")
    let known = latents + [Float](repeating: 0, count: count * channels - latents.count)
    return LatentClamp(
      known: noise.backend.tensor(known, noise.shape), noise: noise,
      weights: weights + [Float](repeating: 0, count: count - weights.count))
  }

  static let weights: [Float] = {
    let rows = WindowPlan.latentsPerWindow - WindowPlan.latentsPerHop
    let held = rows / 2
    return (0..<rows).map { row in
      row < held ? 1 : 1 - (Float(row - held) + 0.5) / Float(rows - held)
    }
  }()
}
