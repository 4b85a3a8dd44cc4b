import Checkpoints
import Foundation
import Media
import Networks
import Sampling
import Signal
import Synchronization
import Tensors

/// The embedded model: sentence vectors say what is heard, be it from a prompt or from what a picture
/// classifier sees; motion features say when; a small transformer makes latents, a linear map of which
/// is a mel spectrum.
final class MiniModel: ModelFamily {
  /// Features of each motion token.
  static let syncWidth = 8

  private let backend: any Backend
  private let text: MiniLM
  private let generator: DiffusionTransformer
  private let preconditioning: Preconditioning
  private let mel: MelDecoder
  private let loadBridge: @Sendable () throws -> SemanticBridge
  /// Read when the first pictures come: with a prompt there are none.
  private let bridge = Mutex<SemanticBridge?>(nil)

  var latentChannels: Int { generator.configuration.latentChannels }

  init(_ description: MiniDescription, on backend: any Backend) throws {
    let (folder, configuration) = (description.folder, description.configuration)
    self.backend = backend

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
          bands: decoder.melBands))
    }
    loadBridge = {
      try SemanticBridge(folder, configuration.vision, on: backend)
    }
  }

  // MARK: Conditions

  func text(prompt: String, negativePrompt: String) -> TextCondition {
    TextCondition(prompt: feature(of: prompt), negative: feature(of: negativePrompt))
  }

  /// [1, 1, width]: the sentence vector at unit variance, or zeros where nothing is said.
  private func feature(of prompt: String) -> Tensor {
    let shape: Shape = [1, 1, MiniLM.width]
    if prompt.isEmpty {
      return backend.tensor([Float](repeating: 0, count: MiniLM.width), shape)
    }
    return (text([prompt]).sentences * MiniModel.unitVariance).reshaped(shape)
  }

  /// Factor from unit length to unit variance.
  static let unitVariance = Float(MiniLM.width).squareRoot()

  func visual(_ pictures: [Picture]?) throws -> Tensor {
    let tokens = WindowPlan.length * Clock.visualRate
    guard let pictures else { return repeated(generator.emptyVisual, tokens) }
    let bridge = try bridge.withLock { loaded in
      if let loaded { return loaded }
      let bridge = try loadBridge()
      loaded = bridge
      return bridge
    }
    return bridge.tokens(pictures, count: tokens)
  }

  /// Only text and picture are exaggerated by guidance: both branches know the motion, for timing must
  /// stay as it is.
  func velocity(
    text: TextCondition, visual: Tensor, sync: [Float], guidance: Float
  ) -> any VelocityModel {
    let steps = sync.count / MiniModel.syncWidth
    guard guidance != 1 else {
      let conditions = generator.conditions(
        text: text.prompt, visual: batch([visual]),
        sync: backend.tensor(sync, [1, steps, MiniModel.syncWidth]),
        latents: WindowPlan.latentsPerWindow)
      return GuidedTransformer(generator, conditions: conditions, preconditioning: preconditioning)
    }
    let conditions = generator.conditions(
      text: batch([text.negative, text.prompt]),
      visual: batch([repeated(generator.emptyVisual, visual.rows), visual]),
      sync: backend.tensor(sync + sync, [2, steps, MiniModel.syncWidth]),
      latents: WindowPlan.latentsPerWindow)
    return GuidedTransformer(
      generator, guided: conditions, guidance: guidance, preconditioning: preconditioning)
  }

  func decoder(seed: UInt64, threads: Int) -> any FoleyKit.SoundDecoder {
    MelStream(stream: mel.stream(seed: seed, threads: threads))
  }

  // MARK: Shapes

  /// [1, C] -> [count, C]
  private func repeated(_ row: Tensor, _ count: Int) -> Tensor {
    row.view.picking(rows: backend.rowIndex([Int](repeating: 0, count: count))).copied()
  }

  /// Entries of equal shape, [rows, C] or [1, rows, C] -> [entries, rows, C]
  private func batch(_ entries: [Tensor]) -> Tensor {
    let (rows, channels) = (entries[0].rows, entries[0].channels)
    let parts = entries.map { $0.reshaped([rows, channels]).view }
    return concatenatedRows(parts).reshaped([entries.count, rows, channels])
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
