import Checkpoints
import Foundation
import Networks
import Sampling
import Signal
import Tensors

/// How each network of the embedded model is made of its file.
extension MiniDescription {
  func text(_ weights: Weights) throws -> MiniLM {
    let vocabulary = try folder.requireFile(configuration.text.vocabulary)
    return try MiniLM(weights, tokenizer: try WordPieceTokenizer(vocabulary: vocabulary))
  }

  func generator(
    _ weights: Weights, products: ProductPrecision = .float
  ) throws -> (DiffusionTransformer, Preconditioning) {
    let sizes = configuration.generator.transformer
    return (
      try DiffusionTransformer(weights, sizes, precision: products),
      try Preconditioning(weights, channels: sizes.latentChannels)
    )
  }

  func decoder(_ weights: Weights) throws -> MelDecoder {
    let decoder = configuration.decoder
    return try MelDecoder(
      weights, channels: configuration.generator.transformer.latentChannels,
      framesPerLatent: decoder.framesPerLatent,
      geometry: MelGeometry(
        sampleRate: Clock.sampleRate, fftSize: decoder.fftSize, hop: decoder.hop,
        bands: decoder.melBands, floor: exp(decoder.floor)),
      settings: decoder.settings)
  }

  func checkpoints() throws -> [ModelCheckpoint] {
    func checkpoint(
      _ part: ModelPart, _ file: String, _ read: @escaping @Sendable (Weights) throws -> Void
    ) throws -> ModelCheckpoint {
      let path = try folder.requireFile(file)
      return ModelCheckpoint(
        part, file: path, open: { try SafetensorsFile(path) }, read: read)
    }
    return [
      try checkpoint(.text, configuration.text.file) { _ = try text($0) },
      try checkpoint(.visual, configuration.vision.file) { _ = try EfficientNetLite0($0) },
      try checkpoint(.visual, configuration.vision.bridge) { _ = try SemanticBridge.tables($0) },
      try checkpoint(.transformer, configuration.generator.file) { _ = try generator($0) },
      try checkpoint(.decoder, configuration.decoder.file) { _ = try decoder($0) },
    ]
  }
}
