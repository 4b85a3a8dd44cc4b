/// How a text is cut before bytes are merged, as GPT-2 does it. In the notation of its pattern:
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
enum BytePairWords {
  private enum Kind {
    case letter, number, blank, sign
  }

  /// Where the word that begins at `start` ends, at most at `limit`.
  static func end(of start: Int, in text: [Unicode.Scalar], before limit: Int) -> Int {
    if let end = contraction(start, text, limit) { return end }
    // One space may lead a word of any kind but blanks.
    let body = text[start] == " " && start + 1 < limit ? start + 1 : start
    let kind = kind(text[body])
    if kind != .blank { return run(of: kind, from: body, text, limit) }
    let end = run(of: .blank, from: start, text, limit)
    // The last of several blanks goes to the word that follows.
    return end < limit && end - start > 1 ? end - 1 : end
  }

  private static func run(of kind: Kind, from start: Int, _ text: [Unicode.Scalar], _ limit: Int)
    -> Int
  {
    var end = start
    while end < limit, self.kind(text[end]) == kind { end += 1 }
    return end
  }

  private static func contraction(_ start: Int, _ text: [Unicode.Scalar], _ limit: Int) -> Int? {
    guard text[start] == "'", start + 1 < limit else { return nil }
    switch text[start + 1] {
    case "s", "t", "m", "d": return start + 2
    case "r" where start + 2 < limit && text[start + 2] == "e",
      "v" where start + 2 < limit && text[start + 2] == "e",
      "l" where start + 2 < limit && text[start + 2] == "l":
      return start + 3
    default: return nil
    }
  }

  private static func kind(_ scalar: Unicode.Scalar) -> Kind {
    switch scalar.value {
    case 0x41...0x5A, 0x61...0x7A: return .letter
    case 0x30...0x39: return .number
    case 0x09...0x0D, 0x20: return .blank
    case 0..<0x80: return .sign
    default: break
    }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      return .letter
    case .decimalNumber, .letterNumber, .otherNumber: return .number
    default: return scalar.properties.isWhitespace ? .blank : .sign
    }
  }
}

/// A token that stands for itself wherever its name appears in a text.
struct SpecialToken: Sendable, Equatable {
  let id: Int
  let name: [Unicode.Scalar]
  /// Blanks before or after it belong to it.
  var takesBlanksBefore = false
  var takesBlanksAfter = false

  enum Part: Equatable {
    case text(Range<Int>)
    case special(Int)
  }

  /// A text's special tokens, the longest where several begin, and the text between them.
  static func split(_ text: [Unicode.Scalar], at specials: [SpecialToken]) -> [Part] {
    var parts: [Part] = []
    var start = 0
    var place = 0
    let beginnings = Set(specials.compactMap(\.name.first))
    func flush(to end: Int) {
      if end > start { parts.append(.text(start..<end)) }
    }
    while place < text.count {
      guard beginnings.contains(text[place]),
        let token = specials.filter({ text[place...].starts(with: $0.name) })
          .max(by: { $0.name.count < $1.name.count })
      else {
        place += 1
        continue
      }
      var end = place
      if token.takesBlanksBefore {
        while end > start, text[end - 1].properties.isWhitespace { end -= 1 }
      }
      flush(to: end)
      parts.append(.special(token.id))
      place += token.name.count
      if token.takesBlanksAfter {
        while place < text.count, text[place].properties.isWhitespace { place += 1 }
      }
      start = place
    }
    flush(to: text.count)
    return parts
  }
}
