import Sampling

/// The windows of a short clip, to be made one by one in any way: for comparing how they can be joined.
package struct WindowStudy {
  package let windows: [WindowMaterial]
  private let sampler: WindowSampler
  private let model: any ModelFamily
  private let seed: UInt64

  /// - Throws: as `Pipeline.generate` does.
  package init(
    _ request: GenerationRequest, model description: any ModelDescription,
    _ resources: ModelResources
  ) throws {
    let feed = try WindowFeed(
      request,
      WindowNeeds(
        pictures: { description.pictures(prompt: $0) }, lastWindow: description.lastWindow))
    defer { feed.abandon() }
    var windows: [WindowMaterial] = []
    while let window = try feed.next() { windows.append(window) }
    self.windows = windows
    model = try description.load(resources)
    seed = request.seed
    let model = model
    sampler = try WindowSampler(
      model,
      texts: try request.prompts.reduce(into: [:]) {
        $0[$1] = try model.text(prompt: $1, negative: description.negativePrompt)
      }, description.sampling,
      noise: try LatentNoise(request, channels: model.latentChannels), on: resources.backend)
  }

  package var channels: Int { model.latentChannels }

  /// Latents of a window, [rows, channels], made from noise under what holds it.
  package func latents(of window: WindowMaterial, after hold: Continuation?) throws -> [Float] {
    var clock = StageClock()
    return try sampler.latents(of: window, prompt: window.prompt, after: hold, &clock) { _ in }
  }

  /// The sound of latents, [rows, channels], in one piece.
  package func sound(of latents: [Float]) throws -> [Float] {
    var decoder = try model.decoder(seed: seed, aligns: false)
    return try decoder.decode(latents) + decoder.finish()
  }
}
