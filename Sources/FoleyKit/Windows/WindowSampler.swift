import Sampling
import Tensors

/// Turns the noise of one window after the other into latents, under what is said, seen and already made.
struct WindowSampler {
  let model: any ModelFamily
  /// Of every prompt of the clip.
  let texts: [String: TextConditions]
  let settings: SamplingSettings
  let noise: LatentNoise
  private let backend: any Backend
  private let sampler: Sampler

  /// - Throws: where the settings make no schedule.
  init(
    _ model: any ModelFamily, texts: [String: TextConditions], _ settings: SamplingSettings,
    noise: LatentNoise, on backend: any Backend
  ) throws {
    (self.model, self.texts, self.settings) = (model, texts, settings)
    (self.noise, self.backend) = (noise, backend)
    sampler = Sampler(
      solver: settings.solver,
      schedule: try SigmaSchedule(steps: settings.steps, shift: settings.shift))
  }

  /// [latents, channels], row-major.
  ///
  /// - Parameter prompt: one of `texts`.
  func latents(
    of window: WindowMaterial, prompt: String, after continuation: Continuation?,
    _ clock: inout StageClock,
    tell: (ProgressEvent) -> Void
  ) throws -> [Float] {
    let visual = try clock.measure("vision") {
      try model.visual(window) {
        tell(.encoding(.visual, done: $0, of: $1, window: window.number))
      }
    }
    if window.isLast { model.release(.visual) }
    let sync = try clock.measure("motion") {
      try model.sync(window) { tell(.encoding(.sync, done: $0, of: $1, window: window.number)) }
    }
    if window.isLast { model.release(.sync) }
    guard let text = texts[prompt] else {
      preconditionFailure("a prompt that was not made ready")
    }
    let latents = try clock.measure("sampling") {
      let velocity = try model.velocity(
        WindowConditions(text: text, visual: visual, sync: sync, latents: window.latents.count),
        guidance: settings.guidance)
      let start = try noise.latents(window.latents, on: backend)
      return try sampler(
        start, model: velocity, clamp: continuation?.clamp(noise: start),
        observe: { step in
          tell(.step(step.index + 1, of: step.count, window: window.number))
          return true
        }
      ).floats()
    }
    if window.isLast { model.release(.transformer) }
    // What is kept for these tensors is in the way while the sound is made, and the next window may be of another length.
    backend.trim()
    return latents
  }
}
