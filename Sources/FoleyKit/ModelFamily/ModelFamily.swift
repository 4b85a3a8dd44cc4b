import Motion
import Sampling
import Tensors

/// What is known of a model before its weights are read.
public protocol ModelDescription: Sendable {
  var folder: ModelFolder { get }
  var family: String { get }
  var sampling: SamplingSettings { get }
  /// What is not to be heard where the person says nothing.
  var negativePrompt: String { get }
  /// Lengths of windows the generator can do.
  var lastWindow: LastWindow { get }
  /// Whether a scene in which nothing moves is to be quiet where nothing was asked for. Otherwise the
  /// model is trusted to see for itself.
  var keepsStillScenesQuiet: Bool { get }
  /// What the person should know about the configuration; none of it keeps the model from working.
  var warnings: [String] { get }
  /// The pictures the encoders look at.
  func pictures(prompt: String) -> PictureWishes
  /// The terms of everything in the folder.
  func licences() throws(FoleyError) -> [ModelLicence]
  /// The files of weights, in the order of `ModelPart`.
  ///
  /// - Throws: where one that says how large its network is cannot be read.
  func checkpoints() throws -> [ModelCheckpoint]
  /// What a run takes, told without reading weights.
  ///
  /// - Parameter precision: how the generator's weights are kept; nil: as the model has it.
  /// - Throws: where a file is missing or does not hold what it should.
  func memoryNeed(precision: Precision?, on backend: any Backend) throws -> MemoryNeed
  /// Makes the model ready; its networks are read now or when they are first needed.
  ///
  /// - Throws: `FoleyError` or `CheckpointError`, naming the file and what is wrong with it.
  func load(_ resources: ModelResources) throws -> any ModelFamily
}

/// What a model computes with.
public struct ModelResources: Sendable {
  /// Computes the networks.
  public var backend: any Backend
  /// For what runs beside the backend.
  public var threads: Int
  public var memory: MemoryBudget
  /// How the generator's weights are kept; nil: as the model has it.
  public var precision: Precision?

  public init(
    backend: any Backend, threads: Int, memory: MemoryBudget = MemoryBudget(),
    precision: Precision? = nil
  ) {
    self.backend = backend
    self.threads = threads
    self.memory = memory
    self.precision = precision
  }
}

/// A model made ready: encoders of text, picture and motion, the transformer they condition, and the
/// decoder of its latents. The pipeline is the same for every family.
public protocol ModelFamily: Sendable {
  /// Channels of a latent.
  var latentChannels: Int { get }
  /// What the person should know about the files; none of it keeps the model from working.
  var warnings: [String] { get }

  /// What is wanted and what is not, computed once for a clip.
  func text(prompt: String, negative: String) throws -> TextConditions

  /// What the pictures of a window show; nil: the model has not looked.
  func visual(_ window: WindowMaterial, progress: EncodingProgress) throws -> Tensor?

  /// What moves in a window, and when; nil: the model has not looked.
  func sync(_ window: WindowMaterial, progress: EncodingProgress) throws -> Tensor?

  /// The direction of the sound of one window, ready for the sampler.
  ///
  /// - Parameter guidance: strength of guidance by prompt and picture; 1: none.
  func velocity(_ conditions: WindowConditions, guidance: Float) throws -> any VelocityModel

  /// A decoder that takes latents in order, as many as there are each time, and gives the sound.
  ///
  /// - Parameters:
  ///   - seed: of what is random in decoding.
  ///   - aligns: whether it may already move what is heard to what is seen, where it can do so better than in the
  ///     finished sound.
  func decoder(seed: UInt64, aligns: Bool) throws -> any SoundDecoder

  /// Says that this run needs a part no more, so its memory can be had by others.
  func release(_ part: ModelPart)

  /// Says that another clip begins: nothing that was remembered of the one before counts any more.
  func beginClip()
}

extension ModelFamily {
  /// Families that remember nothing have nothing to forget.
  public func beginClip() {}
}

/// Told of how many of a window's pictures or segments are done, where that takes long.
public typealias EncodingProgress = (_ done: Int, _ of: Int) -> Void

/// The parts of a model, in the order in which a window passes them.
public enum ModelPart: String, Sendable, CaseIterable {
  case text, visual, sync, transformer, decoder
}

/// What a family made of the two prompts; nil where it makes nothing of an empty one.
public struct TextConditions: Sendable {
  public var prompt: Tensor?
  public var negative: Tensor?
}

/// Everything the generator is told about one window.
public struct WindowConditions: Sendable {
  public var text: TextConditions
  public var visual: Tensor?
  public var sync: Tensor?
  /// Latents of the window.
  public var latents: Int

  public init(text: TextConditions, visual: Tensor?, sync: Tensor?, latents: Int) {
    self.text = text
    self.visual = visual
    self.sync = sync
    self.latents = latents
  }
}

/// Turns a stream of latents into a stream of samples, `Clock.samplesPerLatent` for each latent.
public protocol SoundDecoder {
  /// Takes more latents, [rows, channels] row-major, and gives the samples that are certain by now.
  ///
  /// - Parameters:
  ///   - seen: events of the picture since the last call, in order.
  ///   - end: the time in seconds up to which all are known.
  mutating func decode(_ latents: [Float], seen: [VisualEvent], until end: Double) throws -> [Float]
  /// The rest, once no more latents come.
  mutating func finish() throws -> [Float]
}

extension SoundDecoder {
  /// Of latents without a picture.
  public mutating func decode(_ latents: [Float]) throws -> [Float] {
    try decode(latents, seen: [], until: .infinity)
  }
}

/// How a model wants to be sampled where the person says nothing.
public struct SamplingSettings: Sendable, Equatable {
  public var steps: Int
  public var guidance: Float
  public var solver: Solver
  /// Of the schedule of noise levels (`SigmaSchedule`).
  public var shift: Float = 1
}

/// How the weights of a large model's generator are kept in memory.
public enum Precision: String, Sendable, CaseIterable, Codable {
  /// In half the bytes; arithmetic is in f32 all the same.
  case bf16
  case f32
  /// Products of the blocks in 8-bit integers: faster, and not quite the same sound.
  case int8

  /// What the file's numbers are read as.
  var storage: DType { self == .f32 ? .f32 : .bf16 }
  var products: ProductPrecision { self == .int8 ? .int8 : .float }
  /// Of each number in memory; with int8 the modulation stays in bf16.
  var bytes: Int { storage.size }
}

/// The families this program knows.
public enum ModelFamilies {
  /// Finds the family of a folder by what lies in it, and reads its configuration.
  public static func describe(_ folder: ModelFolder) throws(FoleyError) -> any ModelDescription {
    if HunyuanFiles.recognises(folder.path) { return try HunyuanDescription(folder) }
    struct Family: Decodable {
      var family: String
    }
    let family = try folder.configuration(Family.self).family
    switch family {
    case MiniDescription.family: return try MiniDescription(folder)
    default:
      throw .badModel(
        path: folder.file(ModelFolder.configurationFile),
        reason: "'family' is '\(family)'; this version knows: \(MiniDescription.family)")
    }
  }
}
