import Checkpoints
import Sampling
import Tensors

/// Where the noise of each latent comes from: a pure function of the seed and the latent's place in the
/// clip, so that windows agree where they overlap; or a file.
struct LatentNoise {
  private let seeded: GaussianNoise
  private let given: [Float]?
  private let channels: Int
  private let plan: WindowPlan

  /// - Throws: `CheckpointError` or `FoleyError.badData` where a file of noise does not fit.
  init(_ request: GenerationRequest, plan: WindowPlan, channels: Int) throws {
    seeded = GaussianNoise(seed: request.seed)
    self.channels = channels
    self.plan = plan
    guard let file = request.noiseFile else {
      given = nil
      return
    }
    let noise = try SafetensorsFile(file).tensor("noise")
    let needed = plan.latents(of: plan.count - 1).upperBound
    guard noise.shape.rank == 2, noise.shape[1] == channels, noise.shape[0] >= needed else {
      throw FoleyError.badData(
        file: file,
        reason: "tensor 'noise' has shape \(noise.shape); this clip and model need "
          + "[\(needed) or more, \(channels)]")
    }
    given = noise.floats()
  }

  /// The noise of one window, [1, latents, channels].
  func latents(of window: Int, on backend: any Backend) -> Tensor {
    let latents = plan.latents(of: window)
    guard let given else { return seeded.latents(latents, channels: channels, on: backend) }
    let values = given[latents.lowerBound * channels..<latents.upperBound * channels]
    return backend.tensor(Array(values), [1, latents.count, channels])
  }
}
