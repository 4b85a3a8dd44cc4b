import CPUBackend
import Checkpoints
import ReferenceBackend
import Tensors
import TestSupport
import Testing

@testable import Networks

@Suite struct CLAPTextTests {
  private static let configuration = CLAPTextConfiguration(
    vocabularySize: 30, width: 16, layers: 2, heads: 2, feedForward: 24, positions: 102, kinds: 1,
    epsilon: 1e-12, padding: 1)

  private func text(
    _ configuration: CLAPTextConfiguration = configuration, on backend: any Backend = Reference()
  ) throws -> CLAPText {
    let width = CLAPTextTests.configuration.width
    var shapes: [String: Shape] = [
      "text_model.embeddings.word_embeddings.weight": [30, width],
      "text_model.embeddings.position_embeddings.weight": [102, width],
      "text_model.embeddings.position_ids": [1, 102],
      "text_model.embeddings.token_type_embeddings.weight": [1, width],
      "text_projection.linear1.weight": [4, width], "logit_scale_t": [],
      "audio_model.audio_encoder.norm.weight": [3],
    ]
    func layer(_ key: String, _ shape: Shape) {
      shapes["text_model." + key + ".weight"] = shape
      shapes["text_model." + key + ".bias"] = [shape[0]]
    }
    layer("embeddings.LayerNorm", [width])
    layer("pooler.dense", [width, width])
    for index in 0..<2 {
      let prefix = "encoder.layer.\(index)."
      for part in ["self.query", "self.key", "self.value", "output.dense"] {
        layer(prefix + "attention." + part, [width, width])
      }
      layer(prefix + "attention.output.LayerNorm", [width])
      layer(prefix + "intermediate.dense", [24, width])
      layer(prefix + "output.dense", [width, 24])
      layer(prefix + "output.LayerNorm", [width])
    }
    let weights = Weights(RandomSource(shapes: shapes, seed: 11), on: backend)
    let text = try CLAPText(weights, configuration)
    try weights.checkAllRead()
    return text
  }

  /// Tokens do not feel what they are padded with, and padding has states of its own.
  @Test func paddingIsNotAttendedTo() throws {
    let text = try text()
    let short = [0, 5, 9, 2]
    let long = [0, 7, 8, 9, 10, 11, 2]
    let both = text.encode([short, long])
    #expect(both.shape == [2, 7, 16])
    let alone = text.encode([short]).floats()
    let states = both.floats()
    #expect(relativeError(Array(states[0..<4 * 16]), alone) < 1e-6)
    #expect(relativeError(Array(states[7 * 16..<14 * 16]), text.encode([long]).floats()) < 1e-6)
    // All padding tokens are at one position, so their states are one.
    let padding = (4..<7).map { Array(states[$0 * 16..<($0 + 1) * 16]) }
    #expect(relativeError(padding[1], padding[0]) < 1e-6)
    #expect(padding[0] != Array(states[3 * 16..<4 * 16]))
  }

  /// A literal padding token inside a text is attended to, but not counted.
  @Test func positionsSkipPadding() throws {
    let text = try text()
    let embedded = text.embed([[0, 1, 5], [0, 5, 5]]).floats()
    #expect(Array(embedded[2 * 16..<3 * 16]) == Array(embedded[4 * 16..<5 * 16]))
    #expect(Array(embedded[4 * 16..<5 * 16]) != Array(embedded[5 * 16..<6 * 16]))
  }

  @Test func longestTextFits() throws {
    let text = try text()
    #expect(text.longestText == 100)
    #expect(text.encode([[Int](repeating: 5, count: 100)]).shape == [1, 100, 16])
  }

  @Test func configurationsAreChecked() throws {
    for (field, key) in [
      (\CLAPTextConfiguration.heads, "num_attention_heads"), (\.width, "hidden_size"),
      (\.layers, "num_hidden_layers"), (\.positions, "max_position_embeddings"),
    ] {
      var configuration = CLAPTextTests.configuration
      configuration[keyPath: field] = 0
      let error = #expect(throws: CheckpointError.self) { try text(configuration) }
      #expect("\(error!)".contains("'\(key)' is 0"))
    }
    var configuration = CLAPTextTests.configuration
    configuration.padding = 30
    #expect(throws: CheckpointError.self) { try text(configuration) }
  }
}
