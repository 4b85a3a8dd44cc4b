import Foundation

/// The tokenizer of uncased BERT models: text is cleaned, lower-cased, stripped of accents and split at
/// spaces, punctuation and CJK characters; each word then becomes the longest known pieces from its
/// start on, or one unknown token.
public struct WordPieceTokenizer: Sendable {
  /// A vocabulary that cannot be used.
  public enum Failure: Error, Equatable, CustomStringConvertible {
    case unreadable(file: String, reason: String)
    case missingToken(file: String, token: String)

    public var description: String {
      switch self {
      case .unreadable(let file, let reason): "\(file): cannot be read: \(reason)"
      case .missingToken(let file, let token):
        "\(file): not a WordPiece vocabulary: it lacks the token '\(token)'"
      }
    }
  }

  public let beginning: Int
  public let end: Int
  public let padding: Int
  public let unknown: Int
  /// Number of entries.
  public let vocabularySize: Int

  // Keyed by bytes: comparing strings would take different spellings of one character for equal.
  private let first: [ArraySlice<UInt8>: Int]
  private let following: [ArraySlice<UInt8>: Int]

  /// Words of more characters become one unknown token.
  private static let longestWord = 100

  /// - Parameter path: a text file with one token a line; the line number is the token's id.
  public init(vocabulary path: String) throws(Failure) {
    let bytes: [UInt8]
    do {
      bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      throw .unreadable(file: path, reason: error.localizedDescription)
    }
    try self.init(vocabulary: bytes, file: path)
  }

  /// - Parameters:
  ///   - vocabulary: the file's bytes.
  ///   - file: its name, for messages.
  public init(vocabulary: [UInt8], file: String) throws(Failure) {
    var lines = vocabulary.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    let mark = Array("##".utf8)
    var first: [ArraySlice<UInt8>: Int] = [:]
    var following: [ArraySlice<UInt8>: Int] = [:]
    first.reserveCapacity(lines.count)
    for (id, line) in lines.enumerated() {
      let token = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      first[token] = id
      if token.starts(with: mark) && token.count > mark.count {
        following[token.dropFirst(mark.count)] = id
      }
    }
    func id(_ token: String) throws(Failure) -> Int {
      guard let id = first[ArraySlice(token.utf8)] else {
        throw .missingToken(file: file, token: token)
      }
      return id
    }
    beginning = try id("[CLS]")
    end = try id("[SEP]")
    padding = try id("[PAD]")
    unknown = try id("[UNK]")
    vocabularySize = lines.count
    self.first = first
    self.following = following
  }

  /// Ids of a text between the beginning and end tokens.
  ///
  /// - Parameter limit: the most ids given, at least 2; a longer text loses its end. Nil: no limit.
  public func callAsFunction(_ text: String, limit: Int? = nil) -> [Int] {
    var ids = WordPieceTokenizer.words(text).flatMap { pieces($0) }
    if let limit {
      precondition(limit >= 2, "no room for the beginning and the end")
      ids = Array(ids.prefix(limit - 2))
    }
    return [beginning] + ids + [end]
  }

  /// A word -> the longest known piece from its start, then from there on, and so forth.
  private func pieces(_ word: [Unicode.Scalar]) -> [Int] {
    guard word.count <= WordPieceTokenizer.longestWord else { return [unknown] }
    // Byte offset after each character; pieces end only at characters.
    var bytes: [UInt8] = []
    var ends = [0]
    for scalar in word {
      bytes.append(contentsOf: UTF8.encode(scalar)!)
      ends.append(bytes.count)
    }
    var ids: [Int] = []
    var start = 0
    while start < word.count {
      let table = start == 0 ? first : following
      var stop = word.count
      while stop > start, table[bytes[ends[start]..<ends[stop]]] == nil { stop -= 1 }
      guard stop > start, let id = table[bytes[ends[start]..<ends[stop]]] else { return [unknown] }
      ids.append(id)
      start = stop
    }
    return ids
  }
}

// MARK: Words

extension WordPieceTokenizer {
  /// Cleaned, lower-cased words; punctuation marks and CJK characters are words of their own.
  static func words(_ text: String) -> [[Unicode.Scalar]] {
    let cleaned = String(String.UnicodeScalarView(text.unicodeScalars.compactMap(clean)))
    let stripped = cleaned.decomposedStringWithCanonicalMapping.unicodeScalars
      .filter { $0.properties.generalCategory != .nonspacingMark }
    // Character by character, so that a final sigma stays as it is; then again without accents, which
    // lower-casing may bring along (İ).
    let lowered = String(
      String.UnicodeScalarView(stripped.flatMap { $0.properties.lowercaseMapping.unicodeScalars })
    ).decomposedStringWithCanonicalMapping.unicodeScalars
      .filter { $0.properties.generalCategory != .nonspacingMark }

    var words: [[Unicode.Scalar]] = []
    var word: [Unicode.Scalar] = []
    func finish() {
      if !word.isEmpty { words.append(word) }
      word = []
    }
    for scalar in lowered {
      if scalar.properties.isWhitespace {
        finish()
      } else if isPunctuation(scalar) || isIdeograph(scalar) {
        finish()
        words.append([scalar])
      } else {
        word.append(scalar)
      }
    }
    finish()
    return words
  }

  /// Nil for what is dropped, a blank for any kind of blank.
  private static func clean(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
    switch scalar {
    case "\t", "\n", "\r": return " "
    case "\u{FFFD}": return nil
    default: break
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned: return nil
    case .spaceSeparator: return " "
    default: return scalar
    }
  }

  /// Every ASCII sign counts, also those Unicode calls symbols.
  private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 33...47, 58...64, 91...96, 123...126: return true
    default: break
    }
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
      .initialPunctuation, .finalPunctuation, .otherPunctuation:
      return true
    default: return false
    }
  }

  /// The blocks of CJK ideographs the original vocabulary was built with.
  private static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
      0x2B820...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
