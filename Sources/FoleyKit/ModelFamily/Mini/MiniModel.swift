import Checkpoints
import Foundation
import Media
import Motion
import Networks
import Sampling
import Signal
import Synchronization
import Tensors

/// The embedded model: sentence vectors say what is heard, be it from a prompt or from what a picture
/// classifier sees; motion features say when; a small transformer makes latents, a linear map of which
/// is a mel spectrum.
final class MiniModel: ModelFamily {
  private let backend: any Backend
  private let text: MiniLM
  private let generator: DiffusionTransformer
  private let preconditioning: Preconditioning
  private let mel: MelDecoder
  /// Pictures for each second.
  private let rate: Int
  private let loadBridge: @Sendable () throws -> SemanticBridge
  /// Read when the first pictures come: with a prompt there are none.
  private let bridge = Mutex<SemanticBridge?>(nil)

  var latentChannels: Int { generator.configuration.latentChannels }

  init(_ description: MiniDescription, on backend: any Backend) throws {
    let (folder, configuration) = (description.folder, description.configuration)
    self.backend = backend
    rate = configuration.vision.rate

    let tokenizer = try WordPieceTokenizer(
      vocabulary: try folder.requireFile(configuration.text.vocabulary, for: "text encoder"))
    text = try folder.read(configuration.text.file, for: "text encoder", on: backend) {
      try MiniLM($0, tokenizer: tokenizer)
    }
    (generator, preconditioning) = try folder.read(
      configuration.generator.file, for: "generator", on: backend
    ) {
      let sizes = configuration.generator.transformer
      return (
        try DiffusionTransformer($0, sizes),
        try Preconditioning($0, channels: sizes.latentChannels)
      )
    }
    let decoder = configuration.decoder
    mel = try folder.read(decoder.file, for: "decoder", on: backend) {
      try MelDecoder(
        $0, channels: configuration.generator.transformer.latentChannels,
        framesPerLatent: decoder.framesPerLatent,
        geometry: MelGeometry(
          sampleRate: Clock.sampleRate, fftSize: decoder.fftSize, hop: decoder.hop,
          bands: decoder.melBands, floor: exp(decoder.floor)),
        settings: decoder.settings)
    }
    loadBridge = {
      try SemanticBridge(folder, configuration.vision, on: backend)
    }
  }

  // MARK: Conditions

  /// [1, width]: the sentence vector at unit variance.
  func text(_ prompt: String) -> Tensor? {
    prompt.isEmpty ? nil : text([prompt]).sentences * MiniModel.unitVariance
  }

  /// Factor from unit length to unit variance.
  static let unitVariance = Float(MiniLM.width).squareRoot()

  /// [pictures, width]: sentence vectors of what they sound like.
  func visual(_ pictures: [Picture]) throws -> Tensor {
    let bridge = try bridge.withLock { loaded in
      if let loaded { return loaded }
      let bridge = try loadBridge()
      loaded = bridge
      return bridge
    }
    return bridge(pictures)
  }

  /// Only what is heard is exaggerated by guidance, be it said or seen: both branches know the motion,
  /// for timing must stay as it is.
  func velocity(
    prompt: Tensor?, negative: Tensor?, visual: Tensor?, motion: [Float], guidance: Float
  ) -> any VelocityModel {
    let frames = motion.count / SyncFeatures.width
    let wanted = MiniContent(
      prompt?.floats() ?? visual?.floats(), rate: prompt == nil ? rate : nil, frames: frames)
    let unwanted = MiniContent(negative?.floats(), rate: nil, frames: frames)
    guard guidance != 1 else {
      return GuidedTransformer(
        generator, conditions: conditions([wanted], motion), preconditioning: preconditioning)
    }
    return GuidedTransformer(
      generator, guided: conditions([unwanted, wanted], motion), guidance: guidance,
      preconditioning: preconditioning)
  }

  private func conditions(_ entries: [MiniContent], _ motion: [Float]) -> Conditions {
    func tensor(_ rows: [Float], _ width: Int) -> Tensor {
      backend.tensor(rows, [entries.count, rows.count / width / entries.count, width])
    }
    return generator.conditions(
      text: tensor(entries.flatMap(\.text), MiniLM.width),
      visual: tensor(entries.flatMap { $0.visual(rate: rate) }, MiniLM.width),
      sync: tensor(
        entries.flatMap { $0.sync(with: motion) }, SyncFeatures.width + MiniLM.width),
      latents: motion.count / SyncFeatures.width * (Clock.latentRate / Clock.syncRate))
  }

  func decoder(seed: UInt64, threads: Int) -> any FoleyKit.SoundDecoder {
    MelStream(stream: mel.stream(seed: seed, threads: threads))
  }
}

private struct MelStream: SoundDecoder {
  var stream: MelDecoderStream
  mutating func decode(_ latents: [Float]) -> [Float] { stream.push(latents) }
  mutating func finish() -> [Float] { stream.finish() }
}

extension ModelFolder {
  /// Opens one of the model's checkpoints, makes a network of it, and makes sure that nothing in the
  /// file was overlooked.
  func read<Network>(
    _ file: String, for use: String, on backend: any Backend,
    _ make: (Weights) throws -> Network
  ) throws -> Network {
    let weights = Weights(try SafetensorsFile(requireFile(file, for: use)), on: backend)
    let network = try make(weights)
    try weights.checkAllRead()
    return network
  }
}
