import Checkpoints
import Foundation
import ReferenceBackend
import Tensors
import TestSupport
import Testing

@testable import Networks

private let vocabulary = [
  "[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "dog", "bark", "##s", "##ing", "!", ",", "海", "cafe",
  "i", "ss", "ß", "σ", "ς", "##σ", "un", "##b", "e\u{301}", "x", "##x",
].joined(separator: "\n")

@Suite struct WordPieceTests {
  private func tokenizer() throws -> WordPieceTokenizer {
    try WordPieceTokenizer(vocabulary: Array(vocabulary.utf8), file: "vocab.txt")
  }

  @Test(
    arguments: [
      ("", []),
      ("A dog barks!", [4, 5, 6, 7, 9]),
      ("dog,dog", [5, 10, 5]),
      ("barking barked", [6, 8, 1]),
      ("CAFÉ cafe\u{301}", [12, 12]),
      ("dog海dog", [5, 11, 5]),
      ("do\u{200B}g \u{0}a\u{7F}", [5, 4]),
      ("\u{A0}a\u{3000}a\ta\r\na\u{2028}a", [4, 4, 4, 4, 4]),
      ("İ", [13]),
      ("ẞ", [15]),
      ("Σ", [16]),
      ("unb unx un", [19, 20, 19, 23, 19]),
    ] as [(String, [Int])])
  func splits(text: String, ids: [Int]) throws {
    #expect(try tokenizer()(text) == [2] + ids + [3])
  }

  @Test func longWordsAreUnknown() throws {
    let tokenizer = try tokenizer()
    #expect(tokenizer(String(repeating: "x", count: 100)).count == 102)
    #expect(tokenizer(String(repeating: "x", count: 101)) == [2, 1, 3])
  }

  @Test func limitKeepsTheEnd() throws {
    #expect(try tokenizer()("a dog a dog a dog", limit: 5) == [2, 4, 5, 4, 3])
    #expect(try tokenizer()("a dog", limit: 2) == [2, 3])
  }

  @Test func refusesOtherFiles() {
    #expect(throws: WordPieceTokenizer.Failure.missingToken(file: "v", token: "[CLS]")) {
      try WordPieceTokenizer(vocabulary: Array("a\nb\n".utf8), file: "v")
    }
    let error = #expect(throws: WordPieceTokenizer.Failure.self) {
      try WordPieceTokenizer(vocabulary: "/nowhere/vocab.txt")
    }
    #expect("\(error!)".hasPrefix("/nowhere/vocab.txt: cannot be read"))
  }

  @Test func windowsLineEnds() throws {
    let text = vocabulary.replacingOccurrences(of: "\n", with: "\r\n") + "\r\n"
    let tokenizer = try WordPieceTokenizer(vocabulary: Array(text.utf8), file: "v")
    #expect(tokenizer("dog") == [2, 5, 3])
    #expect(try tokenizer.vocabularySize == self.tokenizer().vocabularySize)
  }
}

@Suite struct MiniLMTests {
  private let backend = Reference()

  private func tokenizer() throws -> WordPieceTokenizer {
    try WordPieceTokenizer(vocabulary: Array(vocabulary.utf8), file: "vocab.txt")
  }

  private func shapes(vocabulary: Int) -> [String: Shape] {
    var shapes: [String: Shape] = [
      "embeddings.word_embeddings.weight": [vocabulary, 384],
      "embeddings.position_embeddings.weight": [512, 384],
      "embeddings.token_type_embeddings.weight": [2, 384],
    ]
    func layer(_ key: String, _ shape: Shape) {
      shapes[key + ".weight"] = shape
      shapes[key + ".bias"] = [shape[0]]
    }
    layer("embeddings.LayerNorm", [384])
    for index in 0..<6 {
      let prefix = "encoder.layer.\(index)."
      for part in ["self.query", "self.key", "self.value", "output.dense"] {
        layer(prefix + "attention." + part, [384, 384])
      }
      layer(prefix + "attention.output.LayerNorm", [384])
      layer(prefix + "intermediate.dense", [1536, 384])
      layer(prefix + "output.dense", [384, 1536])
      layer(prefix + "output.LayerNorm", [384])
    }
    return shapes
  }

  /// Matrices as bytes with row factors, or as the floats these stand for: the same network.
  @Test func bytesWithRowFactorsWork() throws {
    let tokenizer = try tokenizer()
    let shapes = shapes(vocabulary: tokenizer.vocabularySize)
    let source = RandomSource(shapes: shapes, seed: 3)
    var bytes: [String: HostTensor] = [:]
    var floats: [String: HostTensor] = [:]
    for (key, shape) in shapes where shape.rank == 2 {
      let values = try source.tensor(key).floats()
      let width = shape[1]
      let scales = (0..<shape[0]).map { row in
        values[row * width..<(row + 1) * width].map(abs).max()! / 127
      }
      let rounded = values.indices.map { Int8((values[$0] / scales[$0 / width]).rounded()) }
      bytes[key] = HostTensor(copying: rounded, shape: shape, dtype: .i8)
      bytes[key + ".scale"] = HostTensor(copying: scales, shape: [shape[0]], dtype: .f32)
      floats[key] = HostTensor(
        copying: rounded.indices.map { Float(rounded[$0]) * scales[$0 / width] }, shape: shape,
        dtype: .f32)
    }
    func sentences(_ contents: [String: HostTensor]) throws -> [Float] {
      let weights = Weights(source.replacing(contents), on: backend)
      let encoder = try MiniLM(weights, tokenizer: tokenizer)
      try weights.checkAllRead()
      let encoding = encoder(["a dog barks", "cafe"])
      #expect(encoding.lengths == [6, 3])
      #expect(encoding.tokens.shape == [2, 6, 384] && encoding.sentences.shape == [2, 384])
      // Padding is not seen: alone, the shorter text gives the same.
      let alone = encoder(["cafe"]).sentences.floats()
      #expect(relativeError(Array(encoding.sentences.floats()[384...]), alone) < 1e-6)
      #expect(abs(alone.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
      return encoding.sentences.floats()
    }
    #expect(relativeError(try sentences(bytes), try sentences(floats)) < 1e-5)
  }
}
