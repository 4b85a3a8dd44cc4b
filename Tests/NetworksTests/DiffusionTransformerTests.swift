import Checkpoints
import Foundation
import ReferenceBackend
import Tensors
import TestSupport
import Testing

@testable import Networks

@Suite struct DiffusionTransformerTests {
  private let backend = Reference()
  private let tiny = TransformerConfiguration.tiny

  private func transformer() throws -> DiffusionTransformer {
    let weights = Weights(RandomSource(shapes: tiny.shapes, seed: 7), on: backend)
    let transformer = try DiffusionTransformer(weights, tiny)
    try weights.checkAllRead()
    return transformer
  }

  private func noise(_ seed: UInt64, _ shape: Shape) -> Tensor {
    backend.tensor(GaussianNoise(seed: seed).rows(0..<shape.count, channels: 1), shape)
  }

  /// What is computed for a batch is what is computed for each entry by itself: nothing leaks between
  /// entries, and shared sync rows are shared rightly.
  @Test func entriesDoNotMix() throws {
    let transformer = try transformer()
    let (text, visual) = (noise(1, [2, 3, 10]), noise(2, [2, 4, 12]))
    let x = noise(4, [2, 20, 6])
    let motion = noise(3, [1, 16, 8])
    let sync = concatenatedRows([motion.view, transformer.emptySync(tokens: 16).view])
      .reshaped([2, 16, 8])
    let both = transformer.conditions(text: text, visual: visual, sync: sync, latents: 20)
    #expect(both.batch == 2 && both.latents == 20)
    #expect(both.distinctSyncRows == 16 + 8)
    let together = transformer(x, time: 500, both)
    #expect(together.shape == [2, 20, 6])
    for entry in 0..<2 {
      let part = entry..<entry + 1
      let alone = transformer(
        x[part], time: 500,
        transformer.conditions(
          text: text[part], visual: visual[part], sync: sync[part], latents: 20))
      #expect(relativeError(together[part].floats(), alone.floats()) < 1e-6)
    }
  }

  /// Every input reaches the output.
  @Test func everyInputMatters() throws {
    let transformer = try transformer()
    func answer(text: UInt64 = 1, visual: UInt64 = 2, sync: UInt64 = 3, time: Float = 500)
      -> [Float]
    {
      let conditions = transformer.conditions(
        text: noise(text, [1, 3, 10]), visual: noise(visual, [1, 4, 12]),
        sync: noise(sync, [1, 8, 8]), latents: 12)
      return transformer(noise(4, [1, 12, 6]), time: time, conditions).floats()
    }
    let base = answer()
    #expect(!base.contains { !$0.isFinite })
    #expect(answer() == base)
    #expect(relativeError(answer(text: 11), base) > 1e-4)
    #expect(relativeError(answer(visual: 12), base) > 1e-4)
    #expect(relativeError(answer(sync: 13), base) > 1e-4)
    #expect(relativeError(answer(time: 501), base) > 1e-4)
  }

  @Test func observersSeeEveryBlock() throws {
    let transformer = try transformer()
    var shapes: [String: Shape] = [:]
    let observe = { (name: String, value: Tensor) in shapes[name] = value.shape }
    let conditions = transformer.conditions(
      text: noise(1, [1, 3, 10]), visual: noise(2, [1, 4, 12]), sync: noise(3, [1, 8, 8]),
      latents: 12, observe: observe)
    _ = transformer.forward(noise(4, [1, 12, 6]), time: 1, conditions, observe: observe)
    #expect(
      shapes == [
        "cond_in": [1, 3, 16], "visual_proj": [1, 4, 16], "sync_in": [1, 8, 16], "vec": [1, 16],
        "audio_embedder": [1, 12, 16], "triple_0.audio": [1, 12, 16],
        "triple_0.v_cond": [1, 4, 16], "triple_1.audio": [1, 12, 16],
        "triple_1.v_cond": [1, 4, 16], "single_0": [1, 12, 16], "single_1": [1, 12, 16],
      ])
  }

  @Test func unfitCheckpointsAreRefused() throws {
    var shapes = tiny.shapes
    shapes["single_blocks.1.linear_qkv.weight"] = [48, 15]
    let wrong = Weights(RandomSource(shapes: shapes, seed: 1), on: backend)
    #expect(
      throws: CheckpointError.wrongShape(
        file: wrong.file, key: "single_blocks.1.linear_qkv.weight", expected: [48, 16],
        found: [48, 15])
    ) { try DiffusionTransformer(wrong, tiny) }

    var deeper = tiny
    deeper.tripleBlocks = 3
    let shallow = Weights(RandomSource(shapes: tiny.shapes, seed: 1), on: backend)
    #expect(throws: CheckpointError.self) { try DiffusionTransformer(shallow, deeper) }

    var uneven = tiny
    uneven.heads = 3
    #expect(throws: CheckpointError.self) { try DiffusionTransformer(shallow, uneven) }
  }

  /// The published checkpoints hold exactly the tensors this implementation reads, in these shapes:
  /// `entriesDoNotMix` proves it of the same list at a small size.
  @Test(
    .enabled(if: Shared.directory != nil, "the folder ../shared with the key lists is absent"),
    arguments: [("dit_xl", TransformerConfiguration.xl), ("dit_xxl", .xxl)])
  func readsThePublishedKeys(name: String, configuration: TransformerConfiguration) throws {
    let list = try String(
      contentsOf: try #require(Shared.directory)
        .appendingPathComponent("reference/keys/\(name).txt"), encoding: .utf8)
    var published: [String: Shape] = [:]
    for line in list.split(separator: "\n") {
      let fields = line.split(separator: "\t")
      guard fields.count == 3 else { continue }
      let extents = fields[1].dropFirst().dropLast().split(separator: ",")
      published[String(fields[0])] = Shape(
        try extents.map { try #require(Int($0.trimmingCharacters(in: .whitespaces))) })
    }
    #expect(published.count > 700)
    #expect(published == configuration.shapes)
  }
}

@Suite struct PositionTests {
  /// Exact arithmetic gives 15.
  @Test func resamplingRoundsAsPublished() {
    let indices = nearestExactIndices(from: 24, to: 76)
    #expect(indices[47] == 14)
    #expect(indices.first == 0 && indices.last == 23)
    #expect(nearestExactIndices(from: 3, to: 6) == [0, 0, 1, 1, 2, 2])
    #expect(nearestExactIndices(from: 4, to: 2) == [1, 3])
    #expect(nearestExactIndices(from: 5, to: 5) == [0, 1, 2, 3, 4])
  }

  @Test func sharedRowsAreFound() {
    // Two entries of 16 tokens, width 1: one with 16 values, one with a constant.
    let features = (0..<16).map { Float($0) } + [Float](repeating: 100, count: 16)
    let rows = SyncRows(
      features, positions: (0..<8).map { 1000 * Float($0) }, batch: 2, tokens: 16, width: 1,
      latents: 32)
    #expect(rows.count == 24 && rows.rows.count == 24)
    #expect(rows.rowOfToken.count == 32 && rows.rowOfLatent.count == 64)
    for entry in 0..<2 {
      for latent in 0..<32 {
        let token = latent / 2
        let expected = features[entry * 16 + token] + 1000 * Float(token % 8)
        #expect(rows.rows[rows.rowOfLatent[entry * 32 + latent]] == expected)
      }
    }
  }

  @Test func timeIsSpelledInCosinesFirst() {
    let zero = TimeEmbedding.sinusoid(0)
    #expect(zero == [Float](repeating: 1, count: 128) + [Float](repeating: 0, count: 128))
    let some = TimeEmbedding.sinusoid(3)
    #expect(abs(some[0] - cos(3)) < 1e-6 && abs(some[128] - sin(3)) < 1e-6)
    #expect(abs(some[64] - cos(3 * 0.01)) < 1e-6 && abs(some[192] - sin(3 * 0.01)) < 1e-6)
  }

  @Test func hiddenWidths() {
    #expect(TransformerConfiguration.xl.gatedWidth == 3840)
    #expect(TransformerConfiguration.xxl.gatedWidth == 4096)
    #expect(TransformerConfiguration.tiny.gatedWidth == 256)
  }
}
