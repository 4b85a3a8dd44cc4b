import Checkpoints
import Motion
import Networks
import Sampling
import Signal
import Tensors

/// `config.json` of a model of the family `mini`: the small model trained by this repository.
struct MiniConfiguration: Decodable, Sendable {
  struct Text: Decodable {
    var file: String
    var vocabulary: String
  }
  struct Vision: Decodable {
    var file: String
    var bridge: String
    /// Width and height of the pictures it looks at, and how many for each second.
    var size: Int
    var rate: Int
  }
  struct Generator: Decodable {
    var file: String
    var transformer: TransformerConfiguration

    private enum CodingKeys: CodingKey {
      case file
    }

    /// The sizes lie beside the file's name.
    init(from decoder: any Decoder) throws {
      file = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .file)
      transformer = try TransformerConfiguration(from: decoder)
    }
  }
  struct SoundDecoder: Decodable {
    var file: String
    var fftSize: Int
    var hop: Int
    var melBands: Int
    var framesPerLatent: Int
    /// Log-mel value that counts as silence.
    var floor: Float
    /// Of the search for phases; where absent, what `MelDecoderSettings` has.
    var iterations: Int?
    var grain: Float?
    var momentum: Float?

    var settings: MelDecoderSettings {
      var settings = MelDecoderSettings()
      if let iterations { settings.iterations = iterations }
      if let grain { settings.grain = grain }
      if let momentum { settings.momentum = momentum }
      return settings
    }
  }

  var version: Int
  var text: Text
  var vision: Vision
  var generator: Generator
  var decoder: SoundDecoder
  var sampling: Sampling

  struct Sampling: Decodable {
    var steps: Int
    var guidance: Float
    /// The lowest and the highest noise level that are guided; where absent, all are.
    var guidanceInterval: [Float]?
    var solver: Solver

    var guided: ClosedRange<Float>? { guidanceInterval.map { $0[0]...$0[1] } }
  }
}

/// A folder with a model of the family `mini`, its configuration read and checked, its weights not.
struct MiniDescription: ModelDescription {
  static let family = "mini"

  let folder: ModelFolder
  let configuration: MiniConfiguration

  var family: String { MiniDescription.family }
  var sampling: SamplingSettings {
    let sampling = configuration.sampling
    return SamplingSettings(
      steps: sampling.steps, guidance: sampling.guidance, solver: sampling.solver)
  }
  let negativePrompt = ""
  /// Two latents for each sync feature, and those in eights; the shortest is what the generator has
  /// mostly been trained on.
  let lastWindow = LastWindow(granularity: 16, shortest: 128)
  let keepsStillScenesQuiet = true
  let warnings: [String] = []

  init(_ folder: ModelFolder) throws(FoleyError) {
    self.folder = folder
    configuration = try folder.configuration()
    let file = folder.file(ModelFolder.configurationFile)
    func require(_ holds: Bool, _ reason: String) throws(FoleyError) {
      guard holds else { throw .badModel(path: file, reason: reason) }
    }
    let generator = configuration.generator.transformer
    let decoder = configuration.decoder
    try require(
      configuration.version == 1,
      "'version' is \(configuration.version); this program reads version 1")
    try require(
      decoder.hop * decoder.framesPerLatent == Clock.samplesPerLatent && decoder.hop > 0
        && decoder.hop <= decoder.fftSize / 4 && decoder.fftSize.nonzeroBitCount == 1
        && decoder.melBands > 1,
      "'decoder' does not describe \(Clock.samplesPerLatent) samples for each latent, from frames "
        + "under windows of at least four hops")
    try require(
      generator.textWidth == MiniLM.width && generator.visualWidth == MiniLM.width,
      "'generator' has text and visual features of \(generator.textWidth) and "
        + "\(generator.visualWidth) channels; sentence vectors have \(MiniLM.width)")
    try require(
      generator.syncWidth == SyncFeatures.width + MiniLM.width,
      "'generator.syncWidth' is \(generator.syncWidth); motion and content have "
        + "\(SyncFeatures.width) + \(MiniLM.width) features")
    try require(
      (32...1024).contains(configuration.vision.size)
        && (1...25).contains(configuration.vision.rate),
      "'vision' asks for \(configuration.vision.rate) pictures a second of "
        + "\(configuration.vision.size) pixels a side; 1 to 25 of 32 to 1024 are possible")
    try require(
      (0...64).contains(decoder.settings.iterations) && (0...2).contains(decoder.settings.grain)
        && (0..<1).contains(decoder.settings.momentum) && (-20...0).contains(decoder.floor),
      "'decoder' has iterations, grain, momentum or floor that no decoder can use")
    try require(
      configuration.sampling.steps > 0 && configuration.sampling.guidance.isFinite,
      "'sampling' needs at least one step and a finite guidance")
    if let interval = configuration.sampling.guidanceInterval {
      try require(
        interval.count == 2 && 0 <= interval[0] && interval[0] <= interval[1] && interval[1] <= 1,
        "'sampling.guidanceInterval' is no lowest and highest noise level within 0 and 1")
    }
  }

  /// A prompt says what is heard, and saves the looking.
  func pictures(prompt: String) -> PictureWishes {
    let vision = configuration.vision
    guard prompt.isEmpty else { return PictureWishes() }
    return PictureWishes(visual: PictureWish(rate: vision.rate, form: .square(side: vision.size)))
  }

  /// As measured: networks, decoder, two windows and what the allocator keeps.
  func memoryNeed(precision: Precision?, on backend: any Backend) -> MemoryNeed {
    MemoryNeed(whole: 320 << 20, least: 320 << 20)
  }

  func load(_ resources: ModelResources) throws -> any ModelFamily {
    guard resources.precision != .bf16 else {
      throw FoleyError.usage(
        "--precision bf16 is for published weights; the model \(folder.name) knows f32 and int8.")
    }
    return try MiniModel(self, resources)
  }
}
