import Checkpoints
import Foundation
import Networks
import Sampling
import Tensors

/// The generator of an embedded model's folder, told of a prompt and of one event a second: enough to
/// ask it for velocities, without a video.
struct EmbeddedGenerator {
  let model: GuidedTransformer
  /// [1, 400, C]
  let noise: Tensor

  private static let latents = 400
  private static let syncTokens = 200
  private static let visualTokens = 64

  private struct Description: Decodable {
    let text: Text
    let sampling: Sampling
    let generator: File

    struct Text: Decodable { let file, vocabulary: String }
    struct Sampling: Decodable { let guidance: Float }
    struct File: Decodable { let file: String }
  }

  private struct GeneratorDescription: Decodable { let generator: TransformerConfiguration }

  init(folder: String, prompt: String, guidance: Float?, seed: UInt64, on backend: any Backend)
    throws
  {
    let root = URL(fileURLWithPath: folder)
    let file = root.appendingPathComponent("config.json")
    let description: Description
    let configuration: TransformerConfiguration
    do {
      let data = try Data(contentsOf: file)
      description = try JSONDecoder().decode(Description.self, from: data)
      configuration = try JSONDecoder().decode(GeneratorDescription.self, from: data).generator
    } catch {
      throw FixtureError.unusable(file: file.path, reason: "\(error)")
    }
    func weights(_ name: String) throws -> Weights {
      Weights(try SafetensorsFile(root.appendingPathComponent(name).path), on: backend)
    }
    let generator = try weights(description.generator.file)
    let network = try DiffusionTransformer(generator, configuration)
    let preconditioning = try Preconditioning(generator, channels: configuration.latentChannels)
    let encoder = try MiniLM(
      try weights(description.text.file),
      tokenizer: try WordPieceTokenizer(
        vocabulary: root.appendingPathComponent(description.text.vocabulary).path))

    let width = configuration.textWidth
    let sentence = encoder([prompt]).sentences * Float(width).squareRoot()
    let silence = backend.tensor([Float](repeating: 0, count: width), [1, width])
    let picture = network.emptyVisual(tokens: EmbeddedGenerator.visualTokens)
    let motion = backend.tensor(
      EmbeddedGenerator.motion(), [1, EmbeddedGenerator.syncTokens, configuration.syncWidth])
    let conditions = network.conditions(
      text: concatenatedRows([silence.view, sentence.view]).reshaped([2, 1, width]),
      visual: EmbeddedGenerator.twice(picture), sync: EmbeddedGenerator.twice(motion),
      latents: EmbeddedGenerator.latents)
    model = GuidedTransformer(
      network, guided: conditions, guidance: guidance ?? description.sampling.guidance,
      preconditioning: preconditioning)
    noise = GaussianNoise(seed: seed).latents(
      0..<EmbeddedGenerator.latents, channels: configuration.latentChannels, on: backend)
  }

  private static func twice(_ x: Tensor) -> Tensor {
    concatenatedRows([x.view, x.view]).reshaped(x.shape.replacing(axis: 0, with: 2))
  }

  /// Sync features of one event in the middle of every second, at 25 frames a second: strength, flag,
  /// offset, fast and slow trace, energy, its change, 1.
  private static func motion() -> [Float] {
    var (fast, slow, before) = (0.0, 0.0, 0.0)
    return (0..<syncTokens).flatMap { frame in
      let strength = frame % 25 == 12 ? 1.0 : 0
      fast = max(fast * exp(-0.04 / 0.1), strength)
      slow = max(slow * exp(-0.04 / 0.5), strength)
      defer { before = fast }
      return [strength, strength, 0, fast, slow, fast, fast - before, 1].map { Float($0) }
    }
  }
}
