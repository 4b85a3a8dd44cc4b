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
  public var synchformer: SynchformerVisualConfiguration
  public var transformer: TransformerConfiguration
  public var dac: DACConfiguration

  public init(
    clap: CLAPTextConfiguration, siglip: SigLIP2Configuration,
    synchformer: SynchformerVisualConfiguration, transformer: TransformerConfiguration,
    dac: DACConfiguration
  ) {
    self.clap = clap
    self.siglip = siglip
    self.synchformer = synchformer
    self.transformer = transformer
    self.dac = dac
  }

  func text(_ weights: Weights) throws -> CLAPText { try CLAPText(weights, clap) }

  func visual(_ weights: Weights) throws -> SigLIP2Vision { try SigLIP2Vision(weights, siglip) }

  func sync(_ weights: Weights) throws -> SynchformerVisual {
    let network = try SynchformerVisual(weights["vfeat_extractor"], synchformer)
    // What tells how far sound and picture are apart.
    for unused in ["afeat_extractor", "vproj", "aproj", "transformer"] {
      weights.ignore(below: unused)
    }
    return network
  }

  func transformer(_ weights: Weights) throws -> DiffusionTransformer {
    try DiffusionTransformer(weights, transformer)
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
