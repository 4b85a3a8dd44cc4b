import Checkpoints
import Networks
import Tensors

/// Sizes of a published model's networks, and how each is made of its file.
///
/// Files hold more than is needed: towers of other uses, heads of other tasks. They are named here, so
/// that what else a file holds can be told.
public struct HunyuanNetworks: Sendable {
  public var clap: CLAPTextConfiguration
  public var siglip: SigLIP2Configuration
  public var transformer: TransformerConfiguration
  public var dac: DACConfiguration

  public init(
    clap: CLAPTextConfiguration, siglip: SigLIP2Configuration,
    transformer: TransformerConfiguration, dac: DACConfiguration
  ) {
    self.clap = clap
    self.siglip = siglip
    self.transformer = transformer
    self.dac = dac
  }

  func text(_ weights: Weights) throws -> CLAPText { try CLAPText(weights, clap) }

  func visual(_ weights: Weights) throws -> SigLIP2 { try SigLIP2(weights, siglip) }

  /// Its sizes are those of its tensors; they must be those of the others.
  func sync(_ weights: Weights) throws -> Synchformer {
    let network = try Synchformer(weights)
    func demand(_ key: String, _ expected: Int, _ found: Int) throws {
      guard found != expected else { return }
      throw CheckpointError.invalidValue(
        file: weights.file, key: key, expected: "\(expected)", found: "\(found)")
    }
    try demand("width of vfeat_extractor", transformer.syncWidth, network.width)
    try demand("width of its pictures", HunyuanNetworks.syncSide, network.side)
    try demand("frames of a segment", SyncSegments.length, network.segmentFrames)
    return network
  }

  /// Width and height of Synchformer's pictures.
  static let syncSide = 224

  func transformer(
    _ weights: Weights, products: ProductPrecision = .float
  ) throws -> DiffusionTransformer {
    try DiffusionTransformer(weights, transformer, precision: products)
  }

  func decoder(_ weights: Weights) throws -> DACDecoder {
    let network = try DACDecoder(weights, dac)
    // From sound to latents.
    weights.ignore(below: "encoder")
    weights.ignore(below: "quant_conv")
    return network
  }

  /// Makes the network of a part, for what it reads.
  public func read(_ part: ModelPart, _ weights: Weights) throws {
    switch part {
    case .text: _ = try text(weights)
    case .visual: _ = try visual(weights)
    case .sync: _ = try sync(weights)
    case .transformer: _ = try transformer(weights)
    case .decoder: _ = try decoder(weights)
    }
  }
}
