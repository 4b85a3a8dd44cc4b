import CPUBackend
import Checkpoints
import ReferenceBackend
import Tensors
import TestSupport
import Testing

@testable import Networks

@Suite struct SynchformerAudioTests {
  private static let width = 16

  private static func block(_ shapes: inout [String: Shape], _ layers: [(String, Shape)]) {
    for (key, shape) in layers {
      shapes[key + ".weight"] = shape
      shapes[key + ".bias"] = [shape[0]]
    }
  }

  private static let tower: RandomSource = {
    let ast = "afeat_extractor.ast."
    var shapes: [String: Shape] = [
      ast + "embeddings.cls_token": [1, 1, width],
      ast + "embeddings.distillation_token": [1, 1, width],
      ast + "embeddings.position_embeddings": [1, 74, width],
      "afeat_extractor.freq_attn_agg.cls_token": [1, 1, width],
      "afeat_extractor.freq_attn_agg.self_attn.in_proj_weight": [3 * width, width],
      "afeat_extractor.freq_attn_agg.self_attn.in_proj_bias": [3 * width],
    ]
    let layer = ast + "encoder.layer.0."
    let aggregation = "afeat_extractor.freq_attn_agg."
    block(
      &shapes,
      [
        (ast + "embeddings.patch_embeddings.projection", [width, 1, 16, 16]),
        (layer + "attention.attention.query", [width, width]),
        (layer + "attention.attention.key", [width, width]),
        (layer + "attention.attention.value", [width, width]),
        (layer + "attention.output.dense", [width, width]),
        (layer + "intermediate.dense", [32, width]), (layer + "output.dense", [width, 32]),
        (layer + "layernorm_before", [width]), (layer + "layernorm_after", [width]),
        (ast + "layernorm", [width]), (aggregation + "self_attn.out_proj", [width, width]),
        (aggregation + "linear1", [32, width]), (aggregation + "linear2", [width, 32]),
        (aggregation + "norm1", [width]), (aggregation + "norm2", [width]),
      ])
    return RandomSource(shapes: shapes, seed: 21)
  }()

  private static let head: RandomSource = {
    var shapes: [String: Shape] = [
      "transformer.OFF_tok": [1, 1, width], "transformer.MOD_tok": [1, 1, width],
      "transformer.pos_emb_cfg.pos_emb": [1, 40, width],
    ]
    let layer = "transformer.blocks.0."
    block(
      &shapes,
      [
        ("vproj", [width, 12]), ("aproj", [width, 10]), ("transformer.vis_in_lnorm", [width]),
        ("transformer.aud_in_lnorm", [width]), (layer + "ln1", [width]), (layer + "ln2", [width]),
        (layer + "attn.query", [width, width]), (layer + "attn.key", [width, width]),
        (layer + "attn.value", [width, width]), (layer + "attn.proj", [width, width]),
        (layer + "mlp.0", [4 * width, width]), (layer + "mlp.2", [width, 4 * width]),
        ("transformer.ln_f", [width]), ("transformer.off_head", [21, width]),
      ])
    return RandomSource(shapes: shapes, seed: 22)
  }()

  /// Segments do not see each other, and both backends agree.
  @Test func segmentsAreHeardAlone() throws {
    func features(_ spectra: [Float], on backend: any Backend) throws -> [Float] {
      let weights = Weights(SynchformerAudioTests.tower, on: backend)
      let tower = try AudioSpectrogramTransformer(
        weights["afeat_extractor"],
        .init(width: SynchformerAudioTests.width, layers: 1, heads: 2, feedForward: 32))
      try weights.checkAllRead()
      let count = spectra.count / (128 * 66)
      let result = tower(backend.tensor(spectra, [count, 128, 66]))
      #expect(result.shape == [count, 6, SynchformerAudioTests.width])
      return result.floats()
    }
    let spectra = GaussianNoise(seed: 4).rows(0..<3, channels: 128 * 66)
    let all = try features(spectra, on: CPUBackend(threads: 2))
    let last = try features(Array(spectra[(2 * 128 * 66)...]), on: Reference())
    #expect(relativeError(Array(all[(2 * 6 * 16)...]), last) < 1e-5)
  }

  @Test func offsetsAreJudged() throws {
    #expect(OffsetTransformer.offsets.count == 21)
    #expect(OffsetTransformer.offsets.first == -2 && OffsetTransformer.offsets.last == 2)
    #expect(OffsetTransformer.offsets[10] == 0 && OffsetTransformer.offsets[11] == 0.2)
    let backend = try CPUBackend(threads: 1)
    let weights = Weights(SynchformerAudioTests.head, on: backend)
    let head = try OffsetTransformer(
      weights,
      .init(width: 16, layers: 1, heads: 2, visualWidth: 12, audioWidth: 10, tokens: 40))
    try weights.checkAllRead()
    let noise = GaussianNoise(seed: 5)
    let visual = backend.tensor(noise.rows(0..<24, channels: 12), [2, 3, 4, 12])
    let audio = backend.tensor(noise.rows(0..<12, channels: 10), [2, 3, 2, 10])
    let logits = head(visual: visual, audio: audio)
    #expect(logits.shape == [2, 21])
    let chances = head.probabilities(logits).floats()
    #expect(chances.allSatisfy { $0 > 0 })
    for row in 0..<2 {
      #expect(abs(chances[row * 21..<(row + 1) * 21].reduce(0, +) - 1) < 1e-5)
    }
    // Clips of a batch do not see each other.
    let second = head(visual: visual[1..<2], audio: audio[1..<2]).floats()
    #expect(relativeError(second, Array(logits.floats()[21...])) < 1e-5)
  }

  @Test func configurationsAreChecked() {
    let weights = Weights(SynchformerAudioTests.head, on: Reference())
    #expect(throws: CheckpointError.self) {
      try OffsetTransformer(weights, .init(width: 16, layers: 1, heads: 3))
    }
    #expect(throws: CheckpointError.self) {
      try AudioSpectrogramTransformer(weights, .init(width: 16, layers: 0, heads: 2))
    }
  }
}
