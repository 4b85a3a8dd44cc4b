import Checkpoints
import Sampling
import Tensors

/// Where the noise of each latent comes from: a pure function of the seed and the latent's place in the
/// clip, so that windows agree where they overlap; or a file.
struct LatentNoise {
  private let seeded: GaussianNoise
  private let given: [Float]?
  private let channels: Int
  private let file: String

  /// - Parameter seed: in place of the request's noise, be it by seed or from a file.
  /// - Throws: where a file of noise cannot be read or does not fit.
  init(_ request: GenerationRequest, seed: UInt64? = nil, channels: Int) throws(FoleyError) {
    seeded = GaussianNoise(seed: seed ?? request.seed)
    self.channels = channels
    file = request.noiseFile ?? ""
    guard request.noiseFile != nil, seed == nil else {
      given = nil
      return
    }
    let noise: HostTensor
    do {
      noise = try SafetensorsFile(file).tensor("noise")
    } catch {
      // The message begins with the file's name.
      let reason = String(error.description.dropFirst(file.count + 2))
      if case .unreadable = error { throw .noInput(file: file, reason: reason) }
      throw .badData(file: file, reason: reason)
    }
    guard noise.shape.rank == 2, noise.shape[1] == channels else {
      throw .badData(
        file: file,
        reason: "tensor 'noise' has shape \(noise.shape), expected [latents, \(channels)]")
    }
    given = noise.floats()
  }

  /// The noise of the latents at these places, [1, latents, channels].
  func latents(_ latents: Range<Int>, on backend: any Backend) throws(FoleyError) -> Tensor {
    guard let given else { return seeded.latents(latents, channels: channels, on: backend) }
    guard given.count >= latents.upperBound * channels else {
      throw .badData(
        file: file,
        reason: "tensor 'noise' has \(given.count / channels) latents, the clip's windows "
          + "reach \(latents.upperBound)")
    }
    let values = given[latents.lowerBound * channels..<latents.upperBound * channels]
    return backend.tensor(Array(values), [1, latents.count, channels])
  }
}
