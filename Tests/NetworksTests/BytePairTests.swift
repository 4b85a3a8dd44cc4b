import Foundation
import TestSupport
import Testing

@testable import Networks

/// A vocabulary of all bytes, the special tokens, and what a few merges make.
private enum Tables {
  static let specials = ["<s>", "<pad>", "</s>", "<unk>"]
  /// Ġ stands for a blank.
  static let merges = ["h e", "l l", "he ll", "Ġ h", "a a", "aa aa", "Ġ Ġ", "hell o", "' s"]

  static let alphabet: [String] = {
    let printable = Array(0x21...0x7E) + Array(0xA1...0xAC) + Array(0xAE...0xFF)
    let others = (0..<256).filter { !printable.contains($0) }
    var names = [String](repeating: "", count: 256)
    for byte in printable { names[byte] = String(Unicode.Scalar(UInt32(byte))!) }
    for (index, byte) in others.enumerated() {
      names[byte] = String(Unicode.Scalar(UInt32(0x100 + index))!)
    }
    return names
  }()

  static let names =
    specials + alphabet + merges.map { $0.replacingOccurrences(of: " ", with: "") } + ["<mask>"]

  static func vocabulary(_ names: [String] = names) -> Data {
    let ids = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    return try! JSONEncoder().encode(ids)
  }

  static func id(_ name: String) -> Int { names.firstIndex(of: name)! }

  static func tokenizer(_ merges: [String] = merges) throws -> BytePairTokenizer {
    BytePairTokenizer(
      try BytePairTables(
        vocabulary: vocabulary(), vocabularyFile: "vocab.json",
        merges: Data((["#version: 0.2"] + merges).joined(separator: "\n").utf8),
        mergesFile: "merges.txt"))
  }
}

@Suite struct BytePairTests {
  @Test(
    arguments: [
      ("", []),
      ("hello", ["hello"]),
      ("hell", ["hell"]),
      ("helo", ["he", "l", "o"]),
      (" hi", ["Ġh", "i"]),
      (" hello", ["Ġ", "hello"]),
      ("hello hi", ["hello", "Ġh", "i"]),
      ("  hi", ["Ġ", "Ġh", "i"]),
      ("   ", ["ĠĠ", "Ġ"]),
      ("hello   ", ["hello", "ĠĠ", "Ġ"]),
      ("aaa", ["aa", "a"]),
      ("aaaaaaa", ["aaaa", "aa", "a"]),
      ("a's", ["a", "'s"]),
      ("a 's", ["a", "Ġ", "'", "s"]),
      ("a'S", ["a", "'", "S"]),
      ("a1", ["a", "1"]),
      ("\t\ta", ["ĉ", "ĉ", "a"]),
      ("é", ["Ã", "©"]),
      ("\u{0}", ["Ā"]),
      ("<s></s>", ["<s>", "</s>"]),
      ("a  <mask>  a", ["a", "<mask>", "Ġ", "Ġ", "a"]),
      ("a <pad> a", ["a", "Ġ", "<pad>", "Ġ", "a"]),
      ("<unk", ["<", "u", "n", "k"]),
      ("<<s>", ["<", "<s>"]),
    ] as [(String, [String])])
  func splits(text: String, tokens: [String]) throws {
    let tokenizer = try Tables.tokenizer()
    #expect(tokenizer(text) == [0] + tokens.map(Tables.id) + [2], "\(text.debugDescription)")
  }

  /// Whatever the text, its tokens spell its bytes.
  @Test func anyUnicodeIsSpelt() throws {
    let tokenizer = try Tables.tokenizer()
    var scalars = String.UnicodeScalarView()
    for value in stride(from: UInt32(0), to: 0x110000, by: 37) {
      if let scalar = Unicode.Scalar(value) { scalars.append(scalar) }
    }
    let text = String(scalars)
    let bytes = tokenizer(text).dropFirst().dropLast().flatMap { id -> [UInt8] in
      Tables.names[id].unicodeScalars.map { scalar in
        UInt8(Tables.alphabet.firstIndex(of: String(scalar))!)
      }
    }
    #expect(bytes == Array(text.utf8))
  }

  @Test func limitKeepsTheEnd() throws {
    let tokenizer = try Tables.tokenizer()
    #expect(tokenizer("hello hi", limit: 4) == [0, Tables.id("hello"), Tables.id("Ġh"), 2])
    #expect(tokenizer("hello<mask>", limit: 3) == [0, Tables.id("hello"), 2])
    #expect(tokenizer("hello", limit: 2) == [0, 2])
  }

  /// One word of half a million bytes, and as many words: both would take hours were time quadratic.
  @Test(.timeLimit(.minutes(1))) func longPromptsAreQuick() throws {
    let tokenizer = try Tables.tokenizer()
    let word = tokenizer(String(repeating: "a", count: 500_000))
    #expect(word.count == 125_002 && Set(word).count == 3)
    #expect(tokenizer(String(repeating: " h", count: 250_000)).count == 250_002)
    #expect(tokenizer(String(repeating: "<s>", count: 100_000)).count == 100_002)
    #expect(tokenizer(String(repeating: " ", count: 500_000) + "<mask>").count == 3)
  }

  @Test func windowsLineEnds() throws {
    let tables = try BytePairTables(
      vocabulary: Tables.vocabulary(), vocabularyFile: "v",
      merges: Data((Tables.merges.joined(separator: "\r\n") + "\r\n").utf8), mergesFile: "m")
    #expect(BytePairTokenizer(tables)("hello") == [0, Tables.id("hello"), 2])
  }

  @Test func oneFileIsAsGoodAsTwo() throws {
    func file(merges: String) throws -> BytePairTokenizer {
      let vocabulary = String(decoding: Tables.vocabulary(), as: UTF8.self)
      let mask = Tables.id("<mask>")
      let text = """
        {"version": "1.0", "added_tokens": [
          {"id": 0, "content": "<s>", "lstrip": false, "rstrip": false, "special": true},
          {"id": \(mask), "content": "<mask>", "lstrip": true, "rstrip": false, "special": true}],
         "model": {"type": "BPE", "vocab": \(vocabulary), "merges": \(merges)}}
        """
      return BytePairTokenizer(try BytePairTables(tokenizer: Data(text.utf8), file: "t"))
    }
    let strings = String(decoding: try JSONEncoder().encode(Tables.merges), as: UTF8.self)
    let pairs = String(
      decoding: try JSONEncoder().encode(Tables.merges.map { $0.components(separatedBy: " ") }),
      as: UTF8.self)
    let text = "hello <s> hello's  <mask> aaaa"
    let expected = try Tables.tokenizer()(text)
    #expect(try file(merges: strings)(text) == expected)
    #expect(try file(merges: pairs)(text) == expected)
  }
}

@Suite struct BytePairTableTests {
  private func failure(vocabulary: Data = Tables.vocabulary(), merges: String = "h e\n") -> String?
  {
    do {
      _ = try BytePairTables(
        vocabulary: vocabulary, vocabularyFile: "vocab.json", merges: Data(merges.utf8),
        mergesFile: "merges.txt")
      return nil
    } catch {
      return error.description
    }
  }

  @Test func malformedMerges() {
    #expect(failure() == nil)
    #expect(failure(merges: "h e\nx\n")?.hasPrefix("merges.txt: not a table") == true)
    #expect(failure(merges: "h e\nx\n")?.hasSuffix("line 2 is not two tokens") == true)
    #expect(failure(merges: "h e l\n")?.hasSuffix("line 1 is not two tokens") == true)
    #expect(failure(merges: "h  e\n")?.hasSuffix("line 1 is not two tokens") == true)
    #expect(
      failure(merges: "#version\n\nx y\n")?
        .hasSuffix("line 3: 'xy' is not in the vocabulary vocab.json") == true)
    #expect(failure(merges: "汉 e\n")?.contains("'汉' is not in the vocabulary") == true)
  }

  @Test func malformedVocabularies() {
    for text in ["", "[]", "{", #"{"<s>": "0"}"#, #"{"<s>": 0.5}"#, "\u{0}\u{0}", "null"] {
      let message = failure(vocabulary: Data(text.utf8))
      #expect(message?.hasPrefix("vocab.json: not a table") == true, "\(text): \(message ?? "-")")
    }
    let deep = String(repeating: "[", count: 100_000)
    #expect(failure(vocabulary: Data(deep.utf8)) != nil)
    #expect(failure(vocabulary: Data([0xFF, 0xFE, 0x7B])) != nil)
    for name in ["<s>", "</s>", "<pad>", "Ġ", "ÿ"] {
      let message = failure(vocabulary: Tables.vocabulary(Tables.names.filter { $0 != name }))
      #expect(message?.hasSuffix("lacks the token '\(name)'") == true)
    }
    for id in ["-1", "16777216", "9223372036854775807"] {
      let text = String(decoding: Tables.vocabulary(), as: UTF8.self)
        .replacingOccurrences(of: #""<unk>":3"#, with: #""<unk>":\#(id)"#)
      #expect(failure(vocabulary: Data(text.utf8))?.contains("'<unk>' has the id \(id)") == true)
    }
  }

  @Test func malformedTokenizerFiles() {
    func failure(_ text: String) -> String? {
      do {
        _ = try BytePairTables(tokenizer: Data(text.utf8), file: "tokenizer.json")
        return nil
      } catch {
        return error.description
      }
    }
    #expect(failure("{}")?.hasSuffix("'model' is missing") == true)
    #expect(
      failure(#"{"model": {"type": "WordPiece", "vocab": {}, "merges": []}}"#)?
        .contains("'WordPiece', expected 'BPE'") == true)
    #expect(failure(#"{"model": {"vocab": {}, "merges": [3]}}"#)?.contains("merges") == true)
    #expect(failure(#"{"model": {"vocab": {}, "merges": []}}"#)?.contains("'<s>'") == true)
  }

  @Test func missingFilesAreNamed() {
    let error = #expect(throws: BytePairFailure.self) {
      try BytePairTokenizer(vocabulary: "/nowhere/vocab.json", merges: "/nowhere/merges.txt")
    }
    #expect("\(error!)".hasPrefix("/nowhere/vocab.json: cannot be read"))
  }
}
