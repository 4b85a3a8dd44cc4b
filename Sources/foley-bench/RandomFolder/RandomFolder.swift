import Checkpoints
import FoleyKit
import Foundation
import Networks
import Tensors
import TestSupport

enum RandomFolderError: Error, CustomStringConvertible {
  case cannotCreate(String)

  var description: String {
    switch self {
    case .cannotCreate(let path): "\(path): cannot be made"
    }
  }
}

/// A folder with the files of a published model, under its names and in its formats, its weights random:
/// what the program does with the real one can be tried and measured without it.
struct RandomFolder {
  let networks: HunyuanNetworks
  /// Such as `XL`.
  let size: String
  private let seed: UInt64

  /// - Parameter transformer: the sizes of one of the published transformers.
  init(size: String, transformer: TransformerConfiguration, seed: UInt64) {
    self.size = size
    self.seed = seed
    networks = .published(transformer)
  }

  /// - Parameter tell: called with each file's name and size before it is written.
  func write(to folder: String, tell: (_ file: String, _ bytes: Int) -> Void) throws {
    for name in ["", "/siglip2", "/clap"] {
      try FileManager.default.createDirectory(
        atPath: folder + name, withIntermediateDirectories: true)
    }
    func text(_ name: String, _ contents: String) throws {
      try Data(contents.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
    }
    let transformer = size == "XXL" ? "hunyuanvideo_foley" : "hunyuanvideo_foley_xl"
    try torch(folder, transformer + ".pth", .transformer, .bf16, tell)
    try torch(folder, "synchformer_state_dict.pth", .sync, .f32, tell)
    try torch(
      folder, "vae_128d_48k.pth", .decoder, .f32, metadata: RandomFolder.metadata(networks.dac),
      tell)
    try safetensors(folder, "siglip2/model.safetensors", .visual, tell)
    try safetensors(folder, "clap/model.safetensors", .text, tell)
    try text(
      "siglip2/config.json", #"{"model_type": "siglip", "vision_config": {"image_size": 512}}"#)
    try text("clap/config.json", #"{"model_type": "clap", "text_config": {}}"#)
    try text("clap/vocab.json", ByteVocabulary.json)
    try text("clap/merges.txt", "#version: 0.2\n")
    try text("config.yaml", PublishedYAML.text(size: size, networks.transformer))
  }

  // MARK: Files

  private func torch(
    _ folder: String, _ name: String, _ part: ModelPart, _ dtype: DType, metadata: Pickled? = nil,
    _ tell: (String, Int) -> Void
  ) throws {
    let tensors = try RandomCheckpoint(part, of: networks, dtype: dtype, seed: seed)
    let entries = tensors.keys.map { (key: $0, shape: tensors.shape(of: $0)) }
    tell(name, entries.reduce(0) { $0 + $1.shape.count * dtype.size })
    let writer = try TorchFileWriter(
      path: folder + "/" + name,
      entries.map { .init(key: $0.key, shape: $0.shape, dtype: dtype) }, metadata: metadata)
    for entry in entries { try writer.write(try tensors.tensor(entry.key)) }
    try writer.finish()
  }

  private func safetensors(
    _ folder: String, _ name: String, _ part: ModelPart, _ tell: (String, Int) -> Void
  ) throws {
    let tensors = try RandomCheckpoint(part, of: networks, dtype: .f32, seed: seed)
    let entries = tensors.keys.map {
      SafetensorsWriter.Entry(key: $0, shape: tensors.shape(of: $0), dtype: .f32)
    }
    tell(name, entries.reduce(0) { $0 + $1.shape.count * DType.f32.size })
    let writer = try SafetensorsWriter(
      path: folder + "/" + name, entries, metadata: ["format": "pt"])
    for entry in entries { try writer.write(try tensors.tensor(entry.key)) }
    try writer.commit()
  }

  private static func metadata(_ dac: DACConfiguration) -> Pickled {
    .dictionary([
      (
        "kwargs",
        .dictionary([
          ("encoder_dim", .integer(dac.encoderDim)),
          ("encoder_rates", .list(dac.encoderRates.map(Pickled.integer))),
          ("latent_dim", .integer(dac.latentDim)), ("decoder_dim", .integer(dac.decoderDim)),
          ("decoder_rates", .list(dac.decoderRates.map(Pickled.integer))),
          ("sample_rate", .integer(dac.sampleRate)), ("continuous", .bool(dac.continuous)),
        ])
      )
    ])
  }
}

/// Stands for the files of the published sizes where a network looks at shapes before it reads.
struct PublishedShapes: TensorSource {
  let file = "published sizes"
  let keys: [String] = []

  private static let synchformer: [String: Shape] = [
    "vfeat_extractor.cls_token": [1, 1, 768], "vfeat_extractor.temp_embed": [1, 8, 768],
    "vfeat_extractor.pos_embed": [1, 197, 768],
    "vfeat_extractor.patch_embed_3d.proj.weight": [768, 3, 2, 16, 16],
  ]
  private static let synchformerBlocks = 12
  /// As long as an MLP is wide.
  private static let hiddenBiases = ["mlp.fc1.bias", "spatial_attn_agg.linear1.bias"]

  func contains(_ key: String) -> Bool {
    let parts = key.split(separator: ".")
    if parts.starts(with: ["vfeat_extractor", "blocks"]), parts.count > 2 {
      return Int(parts[2]).map { $0 < PublishedShapes.synchformerBlocks } ?? false
    }
    // The sound decoder's weights are normalised.
    return key.hasSuffix(WeightNorm.direction) || key.hasSuffix(WeightNorm.magnitude)
      || PublishedShapes.synchformer[key] != nil
  }

  func tensor(_ key: String) throws(CheckpointError) -> HostTensor {
    let isHidden = PublishedShapes.hiddenBiases.contains { key.hasSuffix($0) }
    guard let shape = isHidden ? [3072] : PublishedShapes.synchformer[key] else {
      throw .missingKey(file: file, key: key)
    }
    return HostTensor(zeros: shape, dtype: .f32)
  }
}
