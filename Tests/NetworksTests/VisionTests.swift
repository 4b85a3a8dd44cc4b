import CPUBackend
import Checkpoints
import Foundation
import Networks
import ReferenceBackend
import Tensors
import TestSupport
import Testing

/// The published names and shapes, with other numbers for some of the sizes.
private func publishedShapes(_ file: String, _ sizes: [Int: Int]) throws -> [String: Shape] {
  let shared = try #require(Shared.directory)
  let url = shared.appendingPathComponent("reference/keys/" + file)
  var shapes: [String: Shape] = [:]
  for line in try String(contentsOf: url, encoding: .utf8).split(separator: "\n") {
    let columns = line.split(separator: "\t")
    let dimensions = columns[1].dropFirst().dropLast().split(separator: ",").map {
      Int($0.trimmingCharacters(in: .whitespaces))!
    }
    shapes[String(columns[0])] = Shape(dimensions.map { sizes[$0] ?? min($0, 1024) })
  }
  return shapes
}

private func picture(_ seed: UInt64, side: Int) -> [UInt8] {
  GaussianNoise(seed: seed).rows(0..<side * side, channels: 3).map {
    UInt8(max(0, min(255, 128 + 60 * $0)))
  }
}

extension Optional {
  /// What is expected to be there. (`#require` cannot take an expression that mutates.)
  fileprivate var wanted: Wrapped {
    get throws { try #require(self) }
  }
}

@Suite struct SigLIP2Tests {
  private static let configuration = {
    var configuration = SigLIP2Configuration()
    (configuration.width, configuration.hidden) = (24, 40)
    (configuration.layers, configuration.heads) = (2, 2)
    (configuration.imageSize, configuration.patchSize) = (22, 4)
    return configuration
  }()

  private static let shapes: [String: Shape] = {
    let (width, hidden) = (configuration.width, configuration.hidden)
    var shapes: [String: Shape] = [
      "logit_scale": [1], "text_model.head.weight": [3, 3],
      "vision_model.embeddings.position_embedding.weight": [configuration.tokens, width],
      "vision_model.head.probe": [1, 1, width],
      "vision_model.head.attention.in_proj_weight": [3 * width, width],
      "vision_model.head.attention.in_proj_bias": [3 * width],
    ]
    func layer(_ key: String, _ shape: Shape) {
      shapes["vision_model." + key + ".weight"] = shape
      shapes["vision_model." + key + ".bias"] = [shape[0]]
    }
    layer("embeddings.patch_embedding", [width, 3, 4, 4])
    layer("post_layernorm", [width])
    layer("head.attention.out_proj", [width, width])
    layer("head.layernorm", [width])
    layer("head.mlp.fc1", [hidden, width])
    layer("head.mlp.fc2", [width, hidden])
    for index in 0..<configuration.layers {
      let block = "encoder.layers.\(index)."
      for name in ["q", "k", "v", "out"] {
        layer(block + "self_attn.\(name)_proj", [width, width])
      }
      layer(block + "layer_norm1", [width])
      layer(block + "layer_norm2", [width])
      layer(block + "mlp.fc1", [hidden, width])
      layer(block + "mlp.fc2", [width, hidden])
    }
    return shapes
  }()

  private func network(on backend: any Backend) throws -> SigLIP2 {
    let weights = Weights(RandomSource(shapes: SigLIP2Tests.shapes, seed: 3), on: backend)
    let network = try SigLIP2(weights, SigLIP2Tests.configuration)
    try weights.checkAllRead()
    return network
  }

  /// A size that leaves pixels over, so that patches are not the whole picture.
  @Test func picturesDoNotMixAndThreadsDoNotMatter() throws {
    let pictures = HostTensor.normalizedPictures([1, 2, 3].map { picture($0, side: 22) }, side: 22)
    let expected = try network(on: Reference())(Reference().upload(pictures)).floats()
    for threads in [1, 2] {
      let backend = try CPUBackend(threads: threads)
      let network = try network(on: backend)
      let all = backend.upload(pictures)
      let found = network(all)
      #expect(found.shape == [3, 24])
      #expect(relativeError(found.floats(), expected) < 3e-6)
      #expect(relativeError(network(all[1..<2]).floats(), Array(expected[24..<48])) < 3e-6)
    }
    #expect(relativeError(Array(expected[..<24]), Array(expected[24..<48])) > 1e-2)
  }

  @Test func knownPicturesAreNotComputedAgain() throws {
    let backend = try CPUBackend(threads: 1)
    let network = try network(on: backend)
    var encoder = SigLIP2Encoder(network, on: backend)
    let (a, b, c) = (picture(1, side: 22), picture(2, side: 22), picture(3, side: 22))
    let first = try encoder([a, a, b, a]).wanted
    #expect(first.shape == [1, 4, 24] && encoder.computed == 2)
    let direct = [a, a, b, a].flatMap {
      network(backend.upload(.normalizedPictures([$0], side: 22))).floats()
    }
    #expect(first.floats() == direct)
    // Windows overlap; what the last one did not show is forgotten.
    let second = try encoder([b, c]).wanted
    #expect(encoder.computed == 3)
    #expect(Array(second.floats()[..<24]) == Array(direct[48..<72]))
    _ = encoder([a])
    #expect(encoder.computed == 4)
    let ended = encoder([b, c, a], progress: { $0 < 2 })
    #expect(ended == nil && encoder.computed == 6)
  }

  @Test func configurationOfTheFile() throws {
    func decode(_ text: String) throws -> SigLIP2Configuration {
      try JSONDecoder().decode(SigLIP2Configuration.self, from: Data(text.utf8))
    }
    #expect(try decode(#"{"image_size": 512, "model_type": "siglip_vision_model"}"#) == .base512)
    let other = try decode(
      """
      {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27,
       "num_attention_heads": 16, "image_size": 384, "patch_size": 14, "layer_norm_eps": 1e-5,
       "hidden_act": "gelu", "num_channels": 3}
      """)
    #expect(other.tokens == 27 * 27 && other.width == 1152 && other.activation == .geluErf)
    for (text, message) in [
      (#"{"num_attention_heads": 7}"#, "'num_attention_heads' is 7, expected a divisor of the 768"),
      (#"{"hidden_act": "swish"}"#, "'hidden_act' is swish, expected one of"),
      (#"{"num_channels": 1}"#, "'num_channels' is 1, expected 3"),
      (#"{"patch_size": 0}"#, "'patch_size' is 0"), (#"{"image_size": -5}"#, "'image_size' is -5"),
      (#"{"layer_norm_eps": 0}"#, "'layer_norm_eps' is 0"),
    ] {
      #expect { try decode(text) } throws: { "\($0)".contains(message) }
    }
  }

  @Test func otherSizesAreRefused() {
    var configuration = SigLIP2Tests.configuration
    configuration.imageSize = 24
    let weights = Weights(RandomSource(shapes: SigLIP2Tests.shapes, seed: 3), on: Reference())
    #expect(
      throws: CheckpointError.wrongShape(
        file: weights.file, key: "vision_model.embeddings.position_embedding.weight",
        expected: [36, 24], found: [25, 24])
    ) { try SigLIP2(weights, configuration) }
  }

  @Test(.enabled(if: Shared.directory != nil, "the folder ../shared with the keys is absent"))
  func everyPublishedKeyIsKnown() throws {
    let shapes = try publishedShapes("siglip2.txt", [768: 12, 2304: 36, 3072: 20])
    let weights = Weights(RandomSource(shapes: shapes, seed: 1), on: Reference())
    var configuration = SigLIP2Configuration.base512
    (configuration.width, configuration.hidden) = (12, 20)
    _ = try SigLIP2(weights, configuration)
    try weights.checkAllRead()
  }
}

@Suite struct SynchformerTests {
  /// Segments of four frames of 8 x 8 pixels.
  private static let shapes: [String: Shape] = {
    let width = 16
    var shapes: [String: Shape] = [
      "vfeat_extractor.cls_token": [1, 1, width], "vfeat_extractor.pos_embed": [1, 5, width],
      "vfeat_extractor.temp_embed": [1, 2, width],
      "vfeat_extractor.spatial_attn_agg.cls_token": [1, 1, width],
      "vfeat_extractor.spatial_attn_agg.self_attn.in_proj_weight": [3 * width, width],
      "vfeat_extractor.spatial_attn_agg.self_attn.in_proj_bias": [3 * width],
      "afeat_extractor.anything": [2], "aproj.weight": [2, 2], "vproj.weight": [2, 2],
      "transformer.pos_emb": [2],
    ]
    func layer(_ key: String, _ shape: Shape) {
      shapes["vfeat_extractor." + key + ".weight"] = shape
      shapes["vfeat_extractor." + key + ".bias"] = [shape[0]]
    }
    layer("patch_embed.proj", [width, 3, 4, 4])
    layer("patch_embed_3d.proj", [width, 3, 2, 4, 4])
    layer("norm", [width])
    layer("spatial_attn_agg.norm1", [width])
    layer("spatial_attn_agg.norm2", [width])
    layer("spatial_attn_agg.self_attn.out_proj", [width, width])
    layer("spatial_attn_agg.linear1", [40, width])
    layer("spatial_attn_agg.linear2", [width, 40])
    for index in 0..<3 {
      let block = "blocks.\(index)."
      for name in ["attn", "timeattn"] {
        layer(block + name + ".qkv", [3 * width, width])
        layer(block + name + ".proj", [width, width])
      }
      for name in ["norm1", "norm2", "norm3"] { layer(block + name, [width]) }
      layer(block + "mlp.fc1", [24, width])
      layer(block + "mlp.fc2", [width, 24])
    }
    return shapes
  }()

  private func network(on backend: any Backend) throws -> Synchformer {
    let weights = Weights(RandomSource(shapes: SynchformerTests.shapes, seed: 7), on: backend)
    let network = try Synchformer(weights, heads: 2)
    try weights.checkAllRead()
    return network
  }

  private let frames = (1...9).map { picture($0, side: 8) }

  @Test func sizesComeFromTheFile() throws {
    let network = try network(on: Reference())
    #expect(network.width == 16 && network.side == 8 && network.pairs == 2)
    #expect(network.segmentFrames == 4 && network.segmentStep == 2)
  }

  @Test func segmentsDoNotMixAndThreadsDoNotMatter() throws {
    let pairs = HostTensor.normalizedPairs(Array(frames[..<8]), side: 8)
    func run(_ backend: any Backend, _ segments: Range<Int>) throws -> [Float] {
      let network = try network(on: backend)
      let tokens = network.embed(backend.upload(pairs)).reshaped([2, 2 * 4, 16])
      return network(tokens[segments]).floats()
    }
    let expected = try run(Reference(), 0..<2)
    let one = try run(CPUBackend(threads: 1), 0..<2)
    #expect(relativeError(one, expected) < 3e-6)
    #expect(try run(CPUBackend(threads: 3), 0..<2) == one)
    #expect(relativeError(try run(CPUBackend(threads: 1), 1..<2), Array(expected[32...])) < 3e-6)
  }

  /// Segments overlap by half; frames after the last whole segment are not seen.
  @Test func windows() throws {
    let backend = try CPUBackend(threads: 1)
    let network = try network(on: backend)
    var encoder = SynchformerEncoder(network, on: backend)
    let found = try encoder(frames).wanted
    #expect(found.shape == [1, 3 * 2, 16] && encoder.computed == 3)
    let direct = [0, 2, 4].flatMap { start in
      let pairs = backend.upload(
        .normalizedPairs(Array(frames[start..<start + 4]), side: 8))
      return network(network.embed(pairs).reshaped([1, 8, 16])).floats()
    }
    #expect(found.floats() == direct)
    // The next window begins on a segment's frame: what both show is known.
    let next = try encoder(Array(frames[4...]) + [frames[0]]).wanted
    #expect(next.shape == [1, 2 * 2, 16] && encoder.computed == 4)
    #expect(Array(next.floats()[..<32]) == Array(direct[64...]))
    let ended = encoder(frames, progress: { done, all in done * 2 < all })
    #expect(ended == nil)
  }

  @Test func standingPicturesAreComputedOnce() throws {
    let backend = try CPUBackend(threads: 1)
    var encoder = SynchformerEncoder(try network(on: backend), on: backend)
    let still = [[UInt8]](repeating: frames[0], count: 10)
    let found = try encoder(still).wanted
    #expect(encoder.computed == 1)
    #expect(found.shape == [1, 4 * 2, 16])
    #expect(Array(found.floats()[..<32]) == Array(found.floats()[96...]))
    _ = encoder(still + [frames[1]] + still)
    #expect(encoder.computed == 3)
  }

  @Test func shortClipsRepeatTheirLastFrame() throws {
    let backend = try CPUBackend(threads: 1)
    var encoder = SynchformerEncoder(try network(on: backend), on: backend)
    let short = try encoder([frames[0], frames[1]]).wanted
    let long = try encoder([frames[0], frames[1], frames[1], frames[1]]).wanted
    #expect(short.shape == [1, 2, 16] && short.floats() == long.floats())
  }

  @Test func otherFilesAreRefused() {
    var shapes = SynchformerTests.shapes
    shapes["vfeat_extractor.pos_embed"] = [1, 6, 16]
    let weights = Weights(RandomSource(shapes: shapes, seed: 7), on: Reference())
    #expect(
      throws: CheckpointError.invalidValue(
        file: weights.file, key: "vfeat_extractor.pos_embed",
        expected: "positions of a square of patches", found: "5 positions")
    ) { try Synchformer(weights, heads: 2) }
    #expect(
      throws: CheckpointError.invalidValue(
        file: weights.file, key: "vfeat_extractor.cls_token",
        expected: "a width that 3 heads divide", found: "of width 16")
    ) {
      try Synchformer(
        Weights(RandomSource(shapes: SynchformerTests.shapes, seed: 7), on: Reference()), heads: 3)
    }
  }

  @Test(.enabled(if: Shared.directory != nil, "the folder ../shared with the keys is absent"))
  func everyPublishedKeyIsKnown() throws {
    let shapes = try publishedShapes("synchformer.txt", [768: 12, 2304: 36, 3072: 20])
    let weights = Weights(RandomSource(shapes: shapes, seed: 1), on: Reference())
    let network = try Synchformer(weights)
    try weights.checkAllRead()
    #expect(network.side == 224 && network.segmentFrames == 16 && network.segmentStep == 8)
  }
}
