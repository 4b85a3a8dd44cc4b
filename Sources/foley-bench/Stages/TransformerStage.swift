import Checkpoints
import Networks
import Sampling
import Tensors

extension Stage {
  /// One evaluation of the diffusion transformer for a window of 8 s, both branches of the guidance.
  static let transformer = Stage(name: "transformer") { settings in
    switch settings.model {
    case .random(_, let configuration):
      return try randomTransformer(configuration, settings)
    case .folder(let folder):
      let generator = try EmbeddedGenerator(
        folder: folder, prompt: "a dog barks", guidance: nil, seed: 1,
        precision: settings.precision.products, on: settings.backend)
      return PreparedStage(
        run: "one step: 2 x \(generator.noise.shape[1]) latents", runsPerClip: 16
      ) { index, mark in
        _ = generator.model.velocity(generator.noise, sigma: 1 - Float(index % 50) / 50)
        mark("step")
      }
    }
  }

  private static func randomTransformer(
    _ published: TransformerConfiguration, _ settings: StageSettings
  ) throws -> PreparedStage {
    let window = try RandomWindow(published, settings)
    var configuration = published
    configuration.tripleBlocks = settings.blocks?.triple ?? published.tripleBlocks
    configuration.singleBlocks = settings.blocks?.single ?? published.singleBlocks
    return PreparedStage(
      run: "one step: 2 x \(RandomWindow.latents) latents, \(RandomWindow.pictures) visual, "
        + "\(RandomWindow.textTokens) text, \(RandomWindow.syncTokens) sync tokens",
      runsPerClip: 50,
      repetitions: [
        "triple blocks": Double(published.tripleBlocks) / Double(configuration.tripleBlocks),
        "single blocks": Double(published.singleBlocks) / Double(configuration.singleBlocks),
      ]
    ) { index, mark in
      // Another time in every run, as in a sampler: what depends on the time alone is computed anew.
      let time = SigmaSchedule.time(1 - Float(index % 1000) / 1000)
      _ = window.network.forward(window.noise, time: time, window.conditions) { name, _ in
        if name == "audio_embedder" { mark("ways in and out") }
        // The visual tokens are told last.
        if name.hasPrefix("triple_"), name.hasSuffix("v_cond") { mark("triple blocks") }
        if name.hasPrefix("single_") { mark("single blocks") }
      }
      mark("ways in and out")
    }
  }
}

/// A transformer of random weights with conditions of a whole window of 8 s, in the sizes of the published
/// models.
struct RandomWindow {
  static let (latents, pictures, syncTokens, textTokens) = (400, 64, 192, 77)

  let network: DiffusionTransformer
  let conditions: Conditions
  /// [2, 400, C]: both branches see the same latents.
  let noise: Tensor

  init(_ published: TransformerConfiguration, _ settings: StageSettings) throws {
    var configuration = published
    configuration.tripleBlocks = settings.blocks?.triple ?? published.tripleBlocks
    configuration.singleBlocks = settings.blocks?.single ?? published.singleBlocks
    let backend = settings.backend
    let source = try RandomCheckpoint(
      .transformer, of: .published(configuration), dtype: settings.precision.stored)
    network = try DiffusionTransformer(
      Weights(source, on: backend), configuration, precision: settings.precision.products)

    func noise(_ seed: UInt64, _ rows: Int, _ width: Int) -> [Float] {
      GaussianNoise(seed: seed).rows(0..<rows, channels: width)
    }
    func pair(_ empty: Tensor, _ seed: UInt64, _ rows: Int, _ width: Int) -> Tensor {
      backend.tensor(empty.floats() + noise(seed, rows, width), [2, rows, width])
    }
    conditions = network.conditions(
      text: backend.tensor(
        noise(2, 2 * RandomWindow.textTokens, configuration.textWidth),
        [2, RandomWindow.textTokens, configuration.textWidth]),
      visual: pair(
        network.emptyVisual(tokens: RandomWindow.pictures), 3, RandomWindow.pictures,
        configuration.visualWidth),
      sync: pair(
        network.emptySync(tokens: RandomWindow.syncTokens), 4, RandomWindow.syncTokens,
        configuration.syncWidth),
      latents: RandomWindow.latents)
    let rows = noise(5, RandomWindow.latents, configuration.latentChannels)
    self.noise = backend.tensor(
      rows + rows, [2, RandomWindow.latents, configuration.latentChannels])
  }
}
