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

  /// A window of 8 s.
  private static let seconds = 8
  private static let latents = 50 * seconds
  private static let syncTokens = 25 * seconds
  private static let motionFeatures = 8

  private struct Description: Decodable {
    let text: Text
    let vision: Vision
    let sampling: Sampling
    let generator: Generator

    struct Text: Decodable { let file, vocabulary: String }
    struct Vision: Decodable { let rate: Int }
    struct Sampling: Decodable { let guidance: Float }
    struct Generator: Decodable {
      let file: String
      let configuration: TransformerConfiguration
      enum CodingKeys: CodingKey { case file }

      init(from decoder: any Decoder) throws {
        file = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .file)
        configuration = try TransformerConfiguration(from: decoder)
      }
    }
  }

  init(
    folder: String, prompt: String, guidance: Float?, seed: UInt64,
    precision: ProductPrecision = .float, on backend: any Backend
  ) throws {
    let root = URL(fileURLWithPath: folder)
    let file = root.appendingPathComponent("config.json")
    let description: Description
    do {
      description = try JSONDecoder().decode(Description.self, from: Data(contentsOf: file))
    } catch {
      throw FixtureError.unusable(file: file.path, reason: "\(error)")
    }
    let configuration = description.generator.configuration
    let width = configuration.textWidth
    guard configuration.syncWidth == EmbeddedGenerator.motionFeatures + width,
      configuration.visualWidth == width
    else {
      throw FixtureError.unusable(
        file: file.path,
        reason: "syncWidth is not textWidth + \(EmbeddedGenerator.motionFeatures), or visualWidth "
          + "is not textWidth: this is another family of models")
    }
    func weights(_ name: String) throws -> Weights {
      Weights(try SafetensorsFile(root.appendingPathComponent(name).path), on: backend)
    }
    let stored = try weights(description.generator.file)
    let network = try DiffusionTransformer(stored, configuration, precision: precision)
    let preconditioning = try Preconditioning(stored, channels: configuration.latentChannels)
    let encoder = try MiniLM(
      try weights(description.text.file),
      tokenizer: try WordPieceTokenizer(
        vocabulary: root.appendingPathComponent(description.text.vocabulary).path))

    // Text, picture and the content half of sync all say the prompt, or nothing; motion stays.
    let sentence = (encoder([prompt]).sentences * Float(width).squareRoot()).floats()
    let branches = [[Float](repeating: 0, count: width), sentence]
    let pictures = description.vision.rate * EmbeddedGenerator.seconds
    let motion = EmbeddedGenerator.motion()
    let conditions = network.conditions(
      text: backend.tensor(branches.flatMap { $0 }, [2, 1, width]),
      visual: backend.tensor(
        branches.flatMap { content in (0..<pictures).flatMap { _ in content } },
        [2, pictures, width]),
      sync: backend.tensor(
        branches.flatMap { content in motion.flatMap { $0 + content } },
        [2, motion.count, configuration.syncWidth]),
      latents: EmbeddedGenerator.latents)
    model = GuidedTransformer(
      network, guided: conditions, guidance: guidance ?? description.sampling.guidance,
      preconditioning: preconditioning)
    noise = GaussianNoise(seed: seed).latents(
      0..<EmbeddedGenerator.latents, channels: configuration.latentChannels, on: backend)
  }

  /// Motion features of one event in the middle of every second, at 25 frames a second: strength, flag,
  /// offset, fast and slow trace, energy, its change, 1.
  private static func motion() -> [[Float]] {
    var (fast, slow, before) = (0.0, 0.0, 0.0)
    return (0..<syncTokens).map { frame in
      let strength = frame % 25 == 12 ? 1.0 : 0
      fast = max(fast * exp(-0.04 / 0.1), strength)
      slow = max(slow * exp(-0.04 / 0.5), strength)
      defer { before = fast }
      return [strength, strength, 0, fast, slow, fast, fast - before, 1].map { Float($0) }
    }
  }
}
