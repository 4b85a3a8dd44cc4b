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
  private let threads: Int
  private let text: MiniLM
  private let generator: DiffusionTransformer
  private let preconditioning: Preconditioning
  private let mel: MelDecoder
  /// Noise levels at which guidance is worth its price; nil: all.
  private let guided: ClosedRange<Float>?
  /// Pictures for each second.
  private let rate: Int
  private let loadBridge: @Sendable () throws -> SemanticBridge
  /// Read when the first pictures come: with a prompt there are none.
  private let bridge = Mutex<SemanticBridge?>(nil)

  let warnings: [String] = []
  var latentChannels: Int { generator.configuration.latentChannels }

  init(_ description: MiniDescription, _ resources: ModelResources) throws {
    let (folder, configuration) = (description.folder, description.configuration)
    let backend = resources.backend
    self.backend = backend
    threads = resources.threads
    rate = configuration.vision.rate
    guided = configuration.sampling.guided

    text = try folder.read(configuration.text.file, on: backend, description.text)
    let products = resources.precision?.products ?? .float
    (generator, preconditioning) = try folder.read(configuration.generator.file, on: backend) {
      try description.generator($0, products: products)
    }
    mel = try folder.read(configuration.decoder.file, on: backend, description.decoder)
    loadBridge = {
      try SemanticBridge(folder, configuration.vision, on: backend)
    }
  }

  // MARK: Conditions

  /// Sentence vectors at unit variance, [1, width].
  func text(prompt: String, negative: String) -> TextConditions {
    func vector(_ sentence: String) -> Tensor? {
      sentence.isEmpty ? nil : text([sentence]).sentences * MiniModel.unitVariance
    }
    return TextConditions(prompt: vector(prompt), negative: vector(negative))
  }

  /// Factor from unit length to unit variance.
  static let unitVariance = Float(MiniLM.width).squareRoot()

  /// [pictures, width]: sentence vectors of what they sound like.
  func visual(_ window: WindowMaterial, progress: EncodingProgress) throws -> Tensor? {
    guard let pictures = window.pictures.visual else { return nil }
    let bridge = try bridge.withLock { loaded in
      if let loaded { return loaded }
      let bridge = try loadBridge()
      loaded = bridge
      return bridge
    }
    return bridge(pictures)
  }

  /// [frames of 1/25 s, 8]: the motion features as they are.
  func sync(_ window: WindowMaterial, progress: EncodingProgress) -> Tensor? {
    backend.tensor(
      window.motion, [window.motion.count / SyncFeatures.width, SyncFeatures.width])
  }

  /// Only what is heard is exaggerated by guidance, be it said or seen: both branches know the motion,
  /// for timing must stay as it is.
  func velocity(_ told: WindowConditions, guidance: Float) -> any VelocityModel {
    guard let motion = told.sync?.floats() else {
      preconditionFailure("this family follows motion, which `sync` always gives")
    }
    let frames = motion.count / SyncFeatures.width
    let (prompt, negative) = (told.text.prompt, told.text.negative)
    let wanted = MiniContent(
      prompt?.floats() ?? told.visual?.floats(), rate: prompt == nil ? rate : nil, frames: frames)
    let unwanted = MiniContent(negative?.floats(), rate: nil, frames: frames)
    guard guidance != 1 else {
      return GuidedTransformer(
        generator, conditions: conditions([wanted], motion, latents: told.latents),
        preconditioning: preconditioning)
    }
    return GuidedTransformer(
      generator, guided: conditions([unwanted, wanted], motion, latents: told.latents),
      guidance: guidance,
      within: guided.map { ($0, conditions([wanted], motion, latents: told.latents)) },
      preconditioning: preconditioning)
  }

  private func conditions(
    _ entries: [MiniContent], _ motion: [Float], latents: Int
  ) -> Conditions {
    func tensor(_ rows: [Float], _ width: Int) -> Tensor {
      backend.tensor(rows, [entries.count, rows.count / width / entries.count, width])
    }
    return generator.conditions(
      text: tensor(entries.flatMap(\.text), MiniLM.width),
      visual: tensor(entries.flatMap { $0.visual(rate: rate) }, MiniLM.width),
      sync: tensor(
        entries.flatMap { $0.sync(with: motion) }, SyncFeatures.width + MiniLM.width),
      latents: latents)
  }

  func decoder(seed: UInt64, aligns: Bool) -> any FoleyKit.SoundDecoder {
    MelStream(mel, seed: seed, aligns: aligns, threads: threads)
  }

  /// The whole model is small, so its parts stay.
  func release(_ part: ModelPart) {}
}

private struct MelStream: SoundDecoder {
  private let decoder: MelDecoder
  private var strokes: StrokePlacer
  private var decays: DecayGuard
  private var stream: MelDecoderStream

  init(_ decoder: MelDecoder, seed: UInt64, aligns: Bool, threads: Int) {
    self.decoder = decoder
    let geometry = decoder.geometry
    let rate = Double(geometry.sampleRate) / Double(geometry.hop)
    strokes = StrokePlacer(bands: geometry.bands, rate: rate, moves: aligns)
    decays = DecayGuard(bands: geometry.bands, rate: rate)
    stream = decoder.stream(seed: seed, threads: threads)
  }

  mutating func decode(_ latents: [Float], seen: [VisualEvent], until end: Double) -> [Float] {
    let placed = strokes.push(decoder.logMel(latents), seen: seen, until: end)
    return stream.push(logMel: decays.push(placed))
  }

  mutating func finish() -> [Float] {
    let rest = decays.push(strokes.finish()) + decays.finish()
    return stream.push(logMel: rest) + stream.finish()
  }
}

extension ModelFolder {
  /// Opens one of the model's checkpoints, makes a network of it, and makes sure that nothing in the
  /// file was overlooked.
  func read<Network>(
    _ file: String, on backend: any Backend, _ make: (Weights) throws -> Network
  ) throws -> Network {
    let weights = Weights(try SafetensorsFile(requireFile(file)), on: backend)
    let network = try make(weights)
    try weights.checkAllRead()
    return network
  }
}
