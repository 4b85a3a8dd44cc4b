import Foundation

/// Letters drawn as strokes, so that they are smooth at any size; printable ASCII.
///
/// A glyph is a few lines; a line is a run of points, two characters each: x from 0 to a (10), then y
/// in 0...g (16), where 0 is the foot of descenders, 4 the baseline, c the height of small letters and
/// g that of capitals.
enum StrokeFont {
  private static let baseline: Float = 4
  private static let capHeight: Float = 12
  private static let spacing: Float = 3.2
  private static let spaceWidth: Float = 3

  private static let sources: [Character: String] = [
    "A": "044g84 1777", "B": "040g5g7e7c5a0a 5a88866404", "C": "8e6g2g0e06246486",
    "D": "040g5g8d875404", "E": "7g0g0474 0a6a", "F": "7g0g04 0a6a", "G": "8e6g2g0e062464868a5a",
    "H": "040g 848g 0a8a", "I": "040g", "J": "6g66442406", "K": "040g 8g09 2b84", "L": "0g0474",
    "M": "040g589g94", "N": "040g848g",
    "O": "2g6g8e866424060e2g", "P": "040g6g8e8c6a0a", "Q": "2g6g8e866424060e2g 5793",
    "R": "040g6g8e8c6a0a 4a84", "S": "8e6g2g0e0c2a6a8886642406", "T": "0g8g 4g44",
    "U": "0g062464868g", "V": "0g448g", "W": "0g345d74ag", "X": "048g 0g84", "Y": "0g4a8g 4a44",
    "Z": "0g8g0484",
    "a": "7c74 7a5c2c0a06245476", "b": "0g04 0a2c5c7a76542406", "c": "7a5c2c0a06245476",
    "d": "7g74 7a5c2c0a06245476", "e": "08787a5c2c0a06245475", "f": "5g3g2e24 0c5c",
    "g": "7c72502001 7a5c2c0a06245476", "h": "0g04 0a2c5c7a74", "i": "0c04 0f0g",
    "j": "3c321000 3f3g", "k": "0g04 6c07 2974", "l": "0g051424",
    "m": "0c04 0a2c3c5a54 5a7c8caaa4", "n": "0c04 0a2c5c7a74", "o": "2c5c7a765424060a2c",
    "p": "0c00 0a2c5c7a76542406", "q": "7c70 7a5c2c0a06245476", "r": "0c04 0a2c4c5b",
    "s": "6b5c1c0b0918586765541405", "t": "2f263454 0c5c", "u": "0c06245476 7c74", "v": "0c346c",
    "w": "0c244b648c", "x": "047c 0c74",
    "y": "0c44 8c3010", "z": "0c7c0474",
    "0": "2g5g7e765424060e2g", "1": "1d4g44", "2": "0e2g5g7e7c0474",
    "3": "0e2g5g7e7c5a3a 5a7876542406", "4": "5g0777 5g54", "5": "7g0g0a2b5b7976542406",
    "6": "7e5g2g0e06245476785a2a08", "7": "0g7g34", "8": "2a0c0e2g5g7e7c5a2a0806245476785a",
    "9": "062454767e5g2g0e0c2a5a7c",
    ".": "0405", ",": "1502", ":": "0a0b 0405", ";": "1a1b 1502", "-": "0959", "+": "0969 3c36",
    "=": "0b6b 0767", "_": "0373", "/": "035g", "\\": "0g53", "(": "3g1d0b091532",
    ")": "0g2d3b392502", "[": "3g0g0232", "]": "0g3g3202", "{": "4g2e2b09272442",
    "}": "0g2e2b49272402", "'": "0g0d", "\"": "0g0d 2g2d", "`": "0g2e", "!": "0g08 0405",
    "?": "0e2g4g6e6c3a38 3435", "*": "3f39 0e6a 0a6e", "#": "2f16 6f56 0d7d 0979",
    "%": "0g2g2d0d0g 7g04 5777745457", "&": "8a542406084c4e3g2g1e1c84",
    "@": "6424060e2g6g8e88676c4c3b384767", "<": "6d0965", ">": "0d6905", "|": "0g02",
    "~": "0a1b3b59697a", "^": "0d3g6d", "$": "8e6g2g0e0c2a6a8886642406 4g44",
  ]

  private struct Glyph {
    var lines: [[(x: Float, y: Float)]]
    var width: Float
  }

  private static let glyphs: [Character: Glyph] = sources.mapValues { source in
    let lines = source.split(separator: " ").map { line -> [(x: Float, y: Float)] in
      let digits = line.map { Float($0.hexValue) }
      return stride(from: 0, to: digits.count - 1, by: 2).map { (digits[$0], digits[$0 + 1]) }
    }
    return Glyph(lines: lines, width: lines.joined().map(\.x).max() ?? 0)
  }

  /// What can be drawn of a text: accents are dropped, other characters become question marks.
  private static func plain(_ text: String) -> [Character] {
    text.folding(options: .diacriticInsensitive, locale: nil).map { character in
      switch character {
      case "\u{2018}", "\u{2019}": "'"
      case "\u{201C}", "\u{201D}": "\""
      case "\u{2013}", "\u{2014}", "\u{2212}": "-"
      default: character.isWhitespace || glyphs[character] != nil ? character : "?"
      }
    }
  }

  private static func width(_ character: Character) -> Float {
    // Figures share one width, so that columns of them align.
    if character.isNumber { return 7 }
    return glyphs[character]?.width ?? spaceWidth
  }

  /// Pixels from the first letter's left edge to the last one's right edge, for capitals `size` high.
  static func width(of text: String, size: Float) -> Float {
    let widths = plain(text).map { width($0) + spacing }
    return max(0, widths.reduce(0, +) - spacing) * size / capHeight
  }

  /// The beginning of a text that fits a width, with dots where something was left out.
  static func fitted(_ text: String, size: Float, width limit: Float) -> String {
    if width(of: text, size: size) <= limit { return text }
    var shorter = text
    while !shorter.isEmpty, width(of: shorter + "...", size: size) > limit { shorter.removeLast() }
    return shorter.isEmpty ? "" : shorter.trimmingCharacters(in: .whitespaces) + "..."
  }

  static func draw(
    _ text: String, on canvas: inout Canvas, x: Float, baseline y: Float, size: Float,
    _ colour: Colour, _ alpha: Float = 1, weight: Float = 1
  ) {
    let unit = size / capHeight
    var left = x
    for character in plain(text) {
      let width = width(character)
      if let glyph = glyphs[character] {
        for line in glyph.lines {
          let points = line.map { (x: left + $0.x * unit, y: y - ($0.y - baseline) * unit) }
          canvas.stroke(points, colour, alpha, thickness: weight * (0.55 + 0.07 * size))
        }
      }
      left += (width + spacing) * unit
    }
  }
}

extension Character {
  /// 0...9, then a = 10 ... g = 16.
  fileprivate var hexValue: Int {
    let code = Int(asciiValue ?? 48)
    return code >= 97 ? code - 87 : code - 48
  }
}
