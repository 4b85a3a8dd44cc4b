import Foundation

/// A vocabulary or merges that cannot be used.
public enum BytePairFailure: Error, Equatable, CustomStringConvertible {
  case unreadable(file: String, reason: String)
  case malformed(file: String, reason: String)
  case missingToken(file: String, token: String)

  public var description: String {
    switch self {
    case .unreadable(let file, let reason): "\(file): cannot be read: \(reason)"
    case .malformed(let file, let reason):
      "\(file): not a table of a byte-pair tokenizer: \(reason)"
    case .missingToken(let file, let token):
      "\(file): not the vocabulary of RoBERTa: it lacks the token '\(token)'"
    }
  }
}

/// What a byte-pair tokenizer needs of its files, checked: a token for every byte, tokens for both parts
/// and the result of every merge.
struct BytePairTables {
  let beginning: Int
  let end: Int
  let padding: Int
  let vocabularySize: Int
  /// Token of each byte.
  let bytes: [Int32]
  let merges: [BytePair: BytePairMerge]
  let specials: [SpecialToken]

  // MARK: vocab.json and merges.txt

  init(vocabulary: String, merges: String) throws(BytePairFailure) {
    try self.init(
      vocabulary: try BytePairTables.read(vocabulary), vocabularyFile: vocabulary,
      merges: try BytePairTables.read(merges), mergesFile: merges)
  }

  /// - Parameters:
  ///   - vocabulary: a JSON object, token to id.
  ///   - merges: a line for each merge, the parts separated by a space; earlier lines go first.
  init(vocabulary: Data, vocabularyFile: String, merges: Data, mergesFile: String)
    throws(BytePairFailure)
  {
    let tokens: [String: Int] = try BytePairTables.decode(vocabulary, vocabularyFile)
    guard let text = String(data: merges, encoding: .utf8) else {
      throw .malformed(file: mergesFile, reason: "not UTF-8 text")
    }
    var pairs: [(pair: [Substring], place: String)] = []
    // By scalars: a line that ends in CR LF would be one character.
    let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let line = Substring(line.last == "\r" ? line.dropLast() : line)
      if line.isEmpty || line.hasPrefix("#version") { continue }
      pairs.append(
        (line.split(separator: " ", omittingEmptySubsequences: false), "line \(index + 1)"))
    }
    // Those `transformers` gives a RoBERTa that comes without a list of its own.
    let specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"].compactMap { name in
      tokens[name].map {
        SpecialToken(
          id: $0, name: Array(name.unicodeScalars), takesBlanksBefore: name == "<mask>")
      }
    }
    try self.init(
      tokens: tokens, file: vocabularyFile, pairs: pairs, pairsFile: mergesFile,
      specials: specials)
  }

  // MARK: tokenizer.json

  private struct TokenizerFile: Decodable {
    let model: Model
    let addedTokens: [Added]?

    struct Model: Decodable {
      let type: String?
      let vocab: [String: Int]
      let merges: [Merge]
    }

    /// "left right" in older files, ["left", "right"] in newer ones.
    struct Merge: Decodable {
      let parts: [Substring]

      init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let text = try? value.decode(String.self) {
          parts = text.split(separator: " ", omittingEmptySubsequences: false)
        } else {
          parts = try value.decode([String].self).map { Substring($0) }
        }
      }
    }

    struct Added: Decodable {
      let id: Int
      let content: String
      let lstrip: Bool?
      let rstrip: Bool?
    }

    enum CodingKeys: String, CodingKey {
      case model
      case addedTokens = "added_tokens"
    }
  }

  init(tokenizer: String) throws(BytePairFailure) {
    try self.init(tokenizer: try BytePairTables.read(tokenizer), file: tokenizer)
  }

  init(tokenizer: Data, file: String) throws(BytePairFailure) {
    let contents: TokenizerFile = try BytePairTables.decode(tokenizer, file)
    if let type = contents.model.type, type != "BPE" {
      throw .malformed(file: file, reason: "the model is of type '\(type)', expected 'BPE'")
    }
    var tokens = contents.model.vocab
    let added = contents.addedTokens ?? []
    for token in added { tokens[token.content] = token.id }
    try self.init(
      tokens: tokens, file: file,
      pairs: contents.model.merges.enumerated().map { ($1.parts, "merge \($0 + 1)") },
      pairsFile: file,
      specials: added.filter { !$0.content.isEmpty }.map {
        SpecialToken(
          id: $0.id, name: Array($0.content.unicodeScalars),
          takesBlanksBefore: $0.lstrip ?? false, takesBlanksAfter: $0.rstrip ?? false)
      })
  }

  // MARK: Both

  private init(
    tokens: [String: Int], file: String, pairs: [(pair: [Substring], place: String)],
    pairsFile: String, specials: [SpecialToken]
  ) throws(BytePairFailure) {
    // Ids go into tables and on to an embedding, whose size they set.
    for (token, id) in tokens where !(0..<1 << 24).contains(id) {
      throw .malformed(file: file, reason: "token '\(token)' has the id \(id)")
    }
    func id(_ token: String) throws(BytePairFailure) -> Int {
      guard let id = tokens[token] else { throw .missingToken(file: file, token: token) }
      return id
    }
    beginning = try id("<s>")
    end = try id("</s>")
    padding = try id("<pad>")
    vocabularySize = (tokens.values.max() ?? -1) + 1
    self.specials = specials
    var bytes: [Int32] = []
    for character in BytePairTables.alphabet { bytes.append(Int32(try id(String(character)))) }
    self.bytes = bytes

    var merges: [BytePair: BytePairMerge] = [:]
    merges.reserveCapacity(pairs.count)
    for (rank, (parts, place)) in pairs.enumerated() {
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw .malformed(file: pairsFile, reason: "\(place) is not two tokens")
      }
      let (left, right) = (String(parts[0]), String(parts[1]))
      var ids: [Int32] = []
      for token in [left, right, left + right] {
        guard let id = tokens[token] else {
          throw .malformed(
            file: pairsFile, reason: "\(place): '\(token)' is not in the vocabulary \(file)")
        }
        ids.append(Int32(id))
      }
      merges[BytePair(left: ids[0], right: ids[1])] = BytePairMerge(
        rank: Int32(rank), result: ids[2])
    }
    self.merges = merges
  }

  /// The character that stands for each byte in the tables: itself where it is a printable one of
  /// Latin-1, else the next of those from U+0100 on.
  private static let alphabet: [Unicode.Scalar] = {
    var spare: UInt32 = 0x100
    return (0..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(UInt8(byte))
      default:
        defer { spare += 1 }
        return Unicode.Scalar(spare)!
      }
    }
  }()

  private static func read(_ path: String) throws(BytePairFailure) -> Data {
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw .unreadable(file: path, reason: error.localizedDescription)
    }
  }

  private static func decode<Contents: Decodable>(_ data: Data, _ file: String)
    throws(BytePairFailure) -> Contents
  {
    do {
      return try JSONDecoder().decode(Contents.self, from: data)
    } catch {
      throw .malformed(file: file, reason: BytePairTables.reason(error))
    }
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "'\(key.stringValue)' is missing"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
      DecodingError.dataCorrupted(let context):
      (context.codingPath.map(\.stringValue) + [context.debugDescription]).joined(separator: ": ")
    default: "\(error)"
    }
  }
}
