import Foundation

/// Makes items of single lines: a JSON object, the path of a clip, or a row of a table.
public struct BatchLineReader {
  /// Where relative paths begin; empty: the current folder.
  private let folder: String
  public private(set) var warnings: [String] = []
  private var unknown: Set<String> = []

  public init(folder: String = "") { self.folder = folder }

  /// Other names of a field: of the reference implementation's tables, and as JSON and CSV have them.
  private static let names = [
    "id": "id", "index": "id", "video": "video", "video_path": "video", "prompt": "prompt",
    "text": "prompt", "negative_prompt": "negative_prompt", "neg_prompt": "negative_prompt",
    "seed": "seed", "start": "start", "end": "end", "cues": "cues", "output": "output",
    "plan": "plan", "part": "part",
  ]

  /// Nil for an empty line, and for a comment.
  public mutating func item(_ text: some StringProtocol, line: Int) -> BatchItem? {
    let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !text.isEmpty, !text.hasPrefix("#") else { return nil }
    guard text.hasPrefix("{") else { return checked(BatchItem(id: "", video: text), line: line) }
    let object: Any
    do {
      object = try JSONSerialization.jsonObject(with: Data(text.utf8))
    } catch {
      return faulty(line, "is no JSON object")
    }
    guard let object = object as? [String: Any] else { return faulty(line, "is no JSON object") }
    var fields: [String: String] = [:]
    for (name, value) in object {
      switch value {
      case is NSNull: continue
      case let value as String: fields[name] = value
      case let value as NSNumber: fields[name] = value.stringValue
      default:
        if Self.names[name] != nil { return faulty(line, "'\(name)' is neither text nor number") }
        fields[name] = ""
      }
    }
    return item(fields, line: line)
  }

  /// The rows of a table whose first row names its columns.
  mutating func table(_ text: String, path: String) throws(FoleyError) -> [BatchItem] {
    let rows: [(line: Int, fields: [String])]
    do {
      rows = try CueSheet.rows(of: text).filter { !$0.fields.allSatisfy(\.isEmpty) }
    } catch {
      throw .badData(file: path, reason: "\(error)")
    }
    guard let head = rows.first else { throw .badData(file: path, reason: "holds no clips") }
    let columns = head.fields.map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
    guard columns.contains(where: { Self.names[$0] == "video" }) else {
      throw .badData(
        file: path, reason: "its first line names no column 'video', as in: index,video,prompt")
    }
    var items: [BatchItem] = []
    for row in rows.dropFirst() {
      guard row.fields.count <= columns.count else {
        items.append(
          faulty(
            row.line, "has \(row.fields.count) fields; text with a comma has to stand in quotes"))
        continue
      }
      var fields: [String: String] = [:]
      for (name, value) in zip(columns, row.fields) where !value.isEmpty { fields[name] = value }
      items.append(item(fields, line: row.line))
    }
    return items
  }

  private mutating func item(_ given: [String: String], line: Int) -> BatchItem {
    var fields: [String: String] = [:]
    for name in given.keys.sorted() {
      guard let known = Self.names[name] else {
        if unknown.insert(name).inserted {
          warnings.append("field '\(name)' is not known; it is ignored")
        }
        continue
      }
      fields[known] = given[name]
    }
    var item = BatchItem(id: fields["id"] ?? "", video: fields["video"] ?? "")
    (item.prompt, item.negativePrompt) = (fields["prompt"], fields["negative_prompt"])
    (item.start, item.end) = (fields["start"], fields["end"])
    item.cues = fields["cues"].map(resolved)
    item.output = fields["output"]
    item.plan = fields["plan"].map(resolved)
    item.part = fields["part"].flatMap { Int($0) }
    if (item.plan != nil || fields["part"] != nil) && (item.plan == nil || item.part ?? 0 < 1) {
      item.fault = "line \(line): a part of a film needs a 'plan' and a 'part' from 1"
    }
    if let seed = fields["seed"] {
      item.seed = UInt64(seed)
      if item.seed == nil { item.fault = "line \(line): the seed '\(seed)' is no whole number" }
    }
    return checked(item, line: line)
  }

  private func checked(_ given: BatchItem, line: Int) -> BatchItem {
    var item = given
    func fault(_ reason: String) { if item.fault == nil { item.fault = "line \(line): \(reason)" } }
    if item.video.isEmpty || item.video == "-" {
      fault("names no video")
    } else {
      item.video = resolved(item.video)
    }
    for (name, time) in [("start", item.start), ("end", item.end)] {
      if let time, ClipTime.seconds(time) == nil { fault("the \(name) '\(time)' is no time") }
    }
    if !item.id.isEmpty, let reason = Self.refusal(of: item.id, isFolderAllowed: false) {
      fault("the id '\(item.id)' \(reason)")
      item.id = "line-\(line)"
    }
    if let output = item.output, let reason = Self.refusal(of: output, isFolderAllowed: true) {
      fault("the output '\(output)' \(reason)")
    }
    if item.fault != nil && item.id.isEmpty { item.id = "line-\(line)" }
    return item
  }

  /// Names that could lead out of the output folder, or be no files at all.
  private static func refusal(of name: String, isFolderAllowed: Bool) -> String? {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    if name.hasPrefix("/") { return "leads out of the output folder" }
    if parts.count > 1 && !isFolderAllowed { return "holds a slash" }
    if parts.contains("..") { return "leads out of the output folder" }
    if parts.contains(where: { $0.isEmpty || $0.hasPrefix(".") }) {
      return "is no name of a visible file"
    }
    if parts.contains(where: { $0.utf8.count > 200 }) { return "is longer than 200 bytes" }
    if name.unicodeScalars.contains(where: { $0.value < 32 }) { return "holds a control character" }
    return nil
  }

  private func resolved(_ path: String) -> String {
    guard !folder.isEmpty, !path.hasPrefix("/") else { return path }
    let beside = (folder as NSString).appendingPathComponent(path)
    let isHere =
      !FileManager.default.fileExists(atPath: beside)
      && FileManager.default.fileExists(atPath: path)
    return isHere ? path : beside
  }

  private func faulty(_ line: Int, _ reason: String) -> BatchItem {
    BatchItem(id: "line-\(line)", video: "", fault: "line \(line): \(reason)")
  }
}
