import Checkpoints
import Motion
import Networks
import Sampling
import Synchronization
import Tensors

/// A published HunyuanVideo-Foley model: CLAP reads the prompts, SigLIP2 looks at eight pictures a second,
/// Synchformer at all of them, a large transformer makes latents, a DAC decoder makes them sound.
///
/// Each of the five is a `Stage`, in memory only while it is needed where memory is short.
final class HunyuanModel: ModelFamily {
  private let backend: any Backend
  let latentChannels: Int
  let warnings: [String]

  private let text: Stage<CLAPPrompts>
  private let visual: Stage<SigLIP2>
  private let sync: Stage<Synchformer>
  private let transformer: Stage<DiffusionTransformer>
  private let soundDecoder: Stage<DACDecoder>
  /// What the last window's pictures showed, for the window that begins with the same ones.
  private let seen = Mutex(SigLIP2Encoder.Memory())
  private let moved = Mutex(SynchformerEncoder.Memory())

  /// Makes sure that all files hold what is needed; reads no weights.
  init(_ description: HunyuanDescription, _ resources: ModelResources) throws {
    let networks = try description.networks()
    let inspections = try description.inspections(on: resources.backend)
    backend = resources.backend
    warnings = inspections.compactMap(\.warning)
    latentChannels = networks.transformer.latentChannels

    let precision = resources.precision ?? description.configuration.precision
    let memory = HunyuanMemory(networks, inspections, precision: precision)
    func stage<Network: Sendable>(
      _ part: ModelPart, _ make: @escaping @Sendable (Weights) throws -> Network
    ) throws -> Stage<Network> {
      let file = description.file(of: part)
      return try Stage(
        part.rawValue, weights: memory.weights(part), work: memory.work(part), resources
      ) {
        let source = try HunyuanCheckpoint.open(file)
        return try make(
          Weights(
            part == .transformer ? ConvertedTensors(source, to: precision.storage) : source,
            on: resources.backend))
      }
    }
    let clap = description.files.clap
    text = try stage(.text) {
      try CLAPPrompts(
        networks.text($0), tokenizer: try clap.tokenizer(), file: clap.configurationFile)
    }
    visual = try stage(.visual, networks.visual)
    sync = try stage(.sync, networks.sync)
    transformer = try stage(.transformer) {
      try networks.transformer($0, products: precision.products)
    }
    soundDecoder = try stage(.decoder, networks.decoder)
  }

  // MARK: Conditions

  /// States of the tokens of both prompts, padded to the longer one, [1, L, textWidth] each.
  func text(prompt: String, negative: String) throws -> TextConditions {
    let states = try text()([negative, prompt])
    return TextConditions(prompt: states[1..<2], negative: states[0..<1])
  }

  /// A feature of each picture, [1, V, visualWidth].
  func visual(_ window: WindowMaterial, progress: EncodingProgress) throws -> Tensor? {
    guard let pictures = window.pictures.visual else { return nil }
    let network = try visual()
    var encoder = SigLIP2Encoder(network, on: backend, continuing: seen.withLock { $0 })
    let features = encoder(pictures.map(\.bytes)) { done in
      progress(done, pictures.count)
      return true
    }
    let memory = encoder.memory
    seen.withLock { $0 = memory }
    return features
  }

  /// Features of segments of pictures, [1, S, syncWidth].
  func sync(_ window: WindowMaterial, progress: EncodingProgress) throws -> Tensor? {
    guard let pictures = window.pictures.sync else { return nil }
    // The clip's end may fall between a latent and a picture.
    let wanted = window.latents.count * Clock.syncRate / Clock.latentRate
    let network = try sync()
    var encoder = SynchformerEncoder(network, on: backend, continuing: moved.withLock { $0 })
    let features = encoder(pictures.resized(to: wanted).map(\.bytes)) { done, count in
      progress(done, count)
      return true
    }
    let memory = encoder.memory
    moved.withLock { $0 = memory }
    return features
  }

  // MARK: Sampling

  /// Without guidance stand learned vectors in place of what is seen, and the negative prompt.
  func velocity(_ told: WindowConditions, guidance: Float) throws -> any VelocityModel {
    guard let prompt = told.text.prompt, let negative = told.text.negative else {
      preconditionFailure("this family makes something of every prompt")
    }
    let network = try transformer()
    let segments = SyncSegments(frames: told.latents * Clock.syncRate / Clock.latentRate)
    let nothingSeen = network.emptyVisual(
      tokens: told.visual?.shape[1]
        ?? (told.latents * HunyuanDescription.visualRate + Clock.latentRate - 1) / Clock.latentRate)
    let nothingMoving = network.emptySync(tokens: told.sync?.shape[1] ?? segments.tokens)
    let (visual, sync) = (told.visual ?? nothingSeen, told.sync ?? nothingMoving)
    guard guidance != 1 else {
      return GuidedTransformer(
        network,
        conditions: network.conditions(
          text: prompt, visual: visual, sync: sync, latents: told.latents))
    }
    return GuidedTransformer(
      network,
      guided: network.conditions(
        text: stacked(negative, prompt), visual: stacked(nothingSeen, visual),
        sync: stacked(nothingMoving, sync), latents: told.latents),
      guidance: guidance)
  }

  /// Two tensors [1, T, C] -> [2, T, C].
  private func stacked(_ first: Tensor, _ second: Tensor) -> Tensor {
    concatenatedRows([first.view, second.view]).reshaped(first.shape.replacing(axis: 0, with: 2))
  }

  // MARK: Sound

  /// Nothing is random in decoding.
  func decoder(seed: UInt64, aligns: Bool) -> any SoundDecoder {
    HunyuanSoundDecoder(network: soundDecoder)
  }

  func release(_ part: ModelPart) {
    switch part {
    case .text: text.release()
    case .visual: visual.release()
    case .sync: sync.release()
    case .transformer: transformer.release()
    case .decoder: soundDecoder.release()
    }
  }

  func beginClip() {
    seen.withLock { $0 = SigLIP2Encoder.Memory() }
    moved.withLock { $0 = SynchformerEncoder.Memory() }
  }
}

/// A stream of sound whose network may leave memory between two windows.
private struct HunyuanSoundDecoder: SoundDecoder {
  let network: Stage<DACDecoder>
  private var position: DACPosition?

  init(network: Stage<DACDecoder>) { self.network = network }

  mutating func decode(
    _ latents: [Float], seen: [VisualEvent], until end: Double
  ) throws -> [Float] {
    let decoder = try network()
    var position = position ?? DACPosition(in: decoder)
    defer { self.position = position }
    return position.decode(latents, with: decoder)
  }

  mutating func finish() throws -> [Float] {
    guard var position else { return [] }
    self.position = nil
    return position.finish(with: try network())
  }
}

extension CheckpointInspection {
  /// What a person should know though the network can be made.
  fileprivate var warning: String? {
    guard !unknown.isEmpty else { return nil }
    return CheckpointError.unreadKeys(file: file, keys: unknown).description
  }
}

extension Array {
  /// So many elements: the last one is repeated, or what is too much left out.
  fileprivate func resized(to count: Int) -> [Element] {
    guard let last, self.count < count else { return Array(prefix(count)) }
    return self + [Element](repeating: last, count: count - self.count)
  }
}
