import Foundation
import Motion

/// What a person knows of a clip: events at times of their own, and what is to be heard in parts of it.
///
/// A CSV file (RFC 4180) with the columns `start,end,prompt` and, where wanted, `strength`; a first row of these
/// names is understood, in any order. A row with a start alone is an event, one with a prompt a range; a range
/// without an end lasts until the next one begins. Times are seconds or `mm:ss`, from the start of the sound.
public struct CueSheet: Sendable, Codable, Equatable {
  /// A part of the clip with a prompt of its own.
  public struct Range: Sendable, Codable, Equatable {
    public var start: Double
    /// Infinite: to the clip's end.
    public var end: Double
    public var prompt: String

    public init(start: Double, end: Double = .infinity, prompt: String) {
      (self.start, self.end, self.prompt) = (start, end, prompt)
    }
  }

  /// The strength of an event of which none is said.
  public static let strength: Float = 0.8
  /// Seconds; in less, nothing can be told apart.
  public static let shortestRange = 1.0

  /// Ascending. They stand in for those seen in the picture, where there are any.
  public var events: [VisualEvent]
  /// Ascending, none overlapping another.
  public var ranges: [Range]

  public init(events: [VisualEvent] = [], ranges: [Range] = []) {
    (self.events, self.ranges) = (events, ranges)
  }

  /// - Throws: `FoleyError`, naming the file, the line and what is wrong with it.
  public init(path: String) throws(FoleyError) {
    let text = try InputFile.text(path, "a sheet of cues")
    do {
      try self.init(text)
    } catch {
      throw .badData(file: path, reason: error.description)
    }
  }

  /// - Parameter text: of the file.
  init(_ text: String) throws(Mistake) {
    self.init()
    var columns = Self.columns
    for (index, row) in try Self.rows(of: text).enumerated() {
      let fields = row.fields.map { $0.trimmingCharacters(in: .whitespaces) }
      if fields.allSatisfy(\.isEmpty) { continue }
      if index == 0, fields.contains(where: { $0.lowercased() == "start" }) {
        columns = fields.map { $0.lowercased() }
        if let unknown = columns.first(where: { !Self.columns.contains($0) }) {
          throw Mistake(
            line: row.line,
            reason: "'\(unknown)' is none of: \(Self.columns.joined(separator: ", "))")
        }
        continue
      }
      try add(fields, columns, line: row.line)
    }
    events.sort { $0.time < $1.time }
    try settleRanges()
  }

  private static let columns = ["start", "end", "prompt", "strength"]

  private mutating func add(
    _ fields: [String], _ columns: [String], line: Int
  ) throws(Mistake) {
    guard fields.count <= columns.count else {
      throw Mistake(
        line: line,
        reason: "\(fields.count) fields; a prompt with a comma in it has to stand in quotes")
    }
    func field(_ name: String) -> String {
      columns.firstIndex(of: name).flatMap { $0 < fields.count ? fields[$0] : nil } ?? ""
    }
    func time(_ name: String) throws(Mistake) -> Double {
      guard let time = ClipTime.seconds(field(name)) else {
        throw Mistake(line: line, reason: "the \(name) '\(field(name))' is no time")
      }
      return time
    }
    let start = try time("start")
    let end = field("end").isEmpty ? nil : try time("end")
    let prompt = field("prompt")
    var strength = Self.strength
    if !field("strength").isEmpty {
      guard let value = Float(field("strength")), (0...1).contains(value) else {
        throw Mistake(
          line: line, reason: "the strength '\(field("strength"))' is no number from 0 to 1")
      }
      strength = value
    }
    if prompt.isEmpty {
      guard end == nil else {
        throw Mistake(line: line, reason: "a range needs a prompt, an event no end")
      }
      events.append(VisualEvent(time: start, strength: strength))
    } else {
      if let end, end - start < Self.shortestRange {
        throw Mistake(
          line: line, reason: "a range from \(start) to \(end) s; it has to last 1 s or more")
      }
      ranges.append(Range(start: start, end: end ?? .infinity, prompt: prompt))
    }
  }

  private mutating func settleRanges() throws(Mistake) {
    ranges.sort { $0.start < $1.start }
    for index in ranges.indices.dropLast() {
      let (range, next) = (ranges[index], ranges[index + 1])
      if range.end == .infinity { ranges[index].end = next.start }
      guard ranges[index].end <= next.start, next.start - range.start >= Self.shortestRange else {
        throw Mistake(
          reason: "the ranges that begin at \(range.start) s and \(next.start) s overlap, or are "
            + "shorter than 1 s")
      }
    }
  }

  /// What is wrong with a sheet, and where.
  struct Mistake: Error, CustomStringConvertible {
    var line: Int?
    let reason: String
    var description: String { (line.map { "line \($0): " } ?? "") + reason }
  }
}

/// JSON knows no infinity: a range to the clip's end has no `end` there.
extension CueSheet.Range {
  private enum CodingKeys: String, CodingKey { case start, end, prompt }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      start: try values.decode(Double.self, forKey: .start),
      end: try values.decodeIfPresent(Double.self, forKey: .end) ?? .infinity,
      prompt: try values.decode(String.self, forKey: .prompt))
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(start, forKey: .start)
    if end < .infinity { try values.encode(end, forKey: .end) }
    try values.encode(prompt, forKey: .prompt)
  }
}

extension CueSheet {
  /// Rows of comma-separated values, each with the line it begins on. A field in quotes may hold commas, line ends
  /// and quotes, doubled.
  static func rows(of text: String) throws(Mistake) -> [(line: Int, fields: [String])] {
    var rows: [(line: Int, fields: [String])] = []
    var fields: [String] = []
    var field = ""
    var (line, began) = (1, 1)
    var (isQuoted, wasQuoted) = (false, false)
    func endRow() {
      fields.append(field)
      rows.append((began, fields))
      (fields, field, wasQuoted) = ([], "", false)
    }
    var characters = text.hasPrefix("\u{FEFF}") ? text.dropFirst() : text[...]
    while let character = characters.popFirst() {
      let isLineEnd = character == "\n" || character == "\r\n" || character == "\r"
      if isQuoted {
        if character == "\"" {
          if characters.first == "\"" {
            field.append(characters.removeFirst())
          } else {
            isQuoted = false
          }
        } else {
          field.append(character)
        }
      } else if character == "\"" && field.allSatisfy(\.isWhitespace) && !wasQuoted {
        (field, isQuoted, wasQuoted) = ("", true, true)
      } else if character == "," {
        fields.append(field)
        (field, wasQuoted) = ("", false)
      } else if isLineEnd {
        endRow()
      } else {
        field.append(character)
      }
      if isLineEnd {
        line += 1
        if !isQuoted { began = line }
      }
    }
    guard !isQuoted else { throw Mistake(line: began, reason: "a quote is never closed") }
    if !field.isEmpty || !fields.isEmpty { endRow() }
    return rows
  }
}
