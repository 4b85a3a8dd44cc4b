import Checkpoints
import Foundation
import Networks
import Tensors

/// A folder with a published HunyuanVideo-Foley model, its configuration read and checked, its weights not.
struct HunyuanDescription: ModelDescription {
  static let family = "hunyuan"

  /// Pictures for each second that SigLIP2 looks at.
  static let visualRate = 8
  /// The reference implementation's, which the files do not state.
  private static let steps = 50
  private static let guidance: Float = 4.5

  let folder: ModelFolder
  let files: HunyuanFiles
  let configuration: HunyuanConfiguration
  let clap: CLAPTextConfiguration
  let siglip: SigLIP2Configuration

  var family: String { HunyuanDescription.family }
  var sampling: SamplingSettings {
    SamplingSettings(
      steps: HunyuanDescription.steps, guidance: HunyuanDescription.guidance,
      solver: configuration.solver, shift: configuration.shift)
  }
  /// The reference implementation's default.
  let negativePrompt = "noisy, harsh"
  /// A window is as long as the video, to a picture of 25 a second.
  let lastWindow = LastWindow(granularity: 2, shortest: 2)
  let keepsStillScenesQuiet = false

  var warnings: [String] {
    let unknown = configuration.unknownKeys
    guard !unknown.isEmpty else { return [] }
    return [
      "\(files.configuration): keys this program does not know, and passes over: "
        + unknown.joined(separator: ", ")
    ]
  }

  init(_ folder: ModelFolder) throws(FoleyError) {
    self.folder = folder
    files = try HunyuanFiles(folder)
    configuration = try HunyuanConfiguration(file: files.configuration)
    struct CLAP: Decodable {
      let textConfiguration: CLAPTextConfiguration
      enum CodingKeys: String, CodingKey { case textConfiguration = "text_config" }
    }
    struct SigLIP: Decodable {
      let visionConfiguration: SigLIP2Configuration
      enum CodingKeys: String, CodingKey { case visionConfiguration = "vision_config" }
    }
    clap = try ModelFolder.json(CLAP.self, in: files.clap.configurationFile).textConfiguration
    siglip = try ModelFolder.json(SigLIP.self, in: files.siglip.configurationFile)
      .visionConfiguration
    let widths = configuration.transformer
    for (key, width, encoder, found) in [
      ("condition_dim", widths.textWidth, files.clap, clap.width),
      ("clip_dim", widths.visualWidth, files.siglip, siglip.width),
    ] {
      guard width == found else {
        throw .badModel(
          path: files.configuration,
          reason: "'model_config.model_kwargs.\(key)' is \(width), but "
            + "\(encoder.configurationFile) describes features of \(found) channels")
      }
    }
  }

  func pictures(prompt: String) -> PictureWishes {
    PictureWishes(
      visual: PictureWish(
        rate: HunyuanDescription.visualRate, form: .published(.stretched(side: siglip.imageSize))),
      sync: PictureWish(
        rate: Clock.syncRate, form: .published(.centreCropped(side: HunyuanNetworks.syncSide))))
  }

  /// Sizes of all networks. Those of the sound decoder are stated by its file only, which is opened.
  func networks() throws -> HunyuanNetworks {
    let dac = try HunyuanCheckpoint.decoderConfiguration(files.decoder)
    func demand(_ key: String, _ expected: Int, _ found: Int) throws {
      guard found == expected else {
        throw CheckpointError.invalidValue(
          file: files.decoder, key: "metadata.kwargs.\(key)", expected: "\(expected)",
          found: "\(found)")
      }
    }
    try demand("sample_rate", Clock.sampleRate, dac.sampleRate)
    try demand("latent_dim", configuration.transformer.latentChannels, dac.latentDim)
    guard dac.samplesPerLatent == Clock.samplesPerLatent else {
      throw CheckpointError.invalidValue(
        file: files.decoder, key: "metadata.kwargs.decoder_rates",
        expected: "rates whose product is \(Clock.samplesPerLatent)", found: "\(dac.decoderRates)")
    }
    return HunyuanNetworks(
      clap: clap, siglip: siglip, transformer: configuration.transformer, dac: dac)
  }

  /// The file of a part's weights.
  func file(of part: ModelPart) -> String {
    switch part {
    case .text: files.clap.weightsFile
    case .visual: files.siglip.weightsFile
    case .sync: files.synchformer
    case .transformer: files.transformer
    case .decoder: files.decoder
    }
  }

  func checkpoints() throws -> [ModelCheckpoint] {
    let networks = try networks()
    return ModelPart.allCases.map { part in
      let file = file(of: part)
      return ModelCheckpoint(
        part, file: file, open: { try HunyuanCheckpoint.open(file) },
        read: { try networks.read(part, $0) })
    }
  }

  /// What the files hold, as far as their heads tell.
  ///
  /// - Throws: the first thing that keeps a network from being made.
  func inspections(on backend: any Backend) throws -> [CheckpointInspection] {
    let inspections = try checkpoints().map { $0.inspect(.shapes, on: backend) }
    if let fault = inspections.lazy.compactMap(\.faults.first).first { throw fault }
    return inspections
  }

  func memoryNeed(precision: Precision?, on backend: any Backend) throws -> MemoryNeed {
    HunyuanMemory(
      try networks(), try inspections(on: backend),
      precision: precision ?? configuration.precision
    ).need
  }

  func load(_ resources: ModelResources) throws -> any ModelFamily {
    try HunyuanModel(self, resources)
  }
}
