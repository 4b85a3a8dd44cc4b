import Foundation

/// The items of a batch, from a manifest (JSON lines, CSV, or a clip a line) or a folder of clips.
public struct BatchManifest: Sendable {
  public let items: [BatchItem]
  /// What the person should know: fields that are not understood, lines that say the same twice.
  public let warnings: [String]

  /// Reads a file or lists a folder. Clips are looked for beside the manifest, and where they are not there, in the
  /// current folder. An unusable line becomes an item with a fault; only what concerns the whole is thrown.
  ///
  /// - Throws: `FoleyError` where nothing can be read, or two items would have the same name.
  public init(path: String) throws(FoleyError) {
    if ModelFolder.isDirectory(path) {
      try self.init(BatchFolder.items(of: path), name: path, warnings: [])
      return
    }
    let text = try InputFile.text(path, "a manifest")
    var reader = BatchLineReader(folder: (path as NSString).deletingLastPathComponent)
    let items: [BatchItem]
    if (path as NSString).pathExtension.lowercased() == "csv" {
      items = try reader.table(text, path: path)
    } else {
      items = text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        .compactMap { reader.item($1, line: $0 + 1) }
    }
    try self.init(items, name: path, warnings: reader.warnings)
  }

  /// - Throws: where two items that differ have the same id or output.
  init(_ given: [BatchItem], name: String, warnings: [String]) throws(FoleyError) {
    var warnings = warnings
    let named = BatchManifest.naming(given)
    var known: [String: BatchItem] = [:]
    var outputs: [String: String] = [:]
    var items: [BatchItem] = []
    for item in named {
      if let other = known[item.id] {
        guard other == item else {
          throw .badData(file: name, reason: "two items have the id '\(item.id)'")
        }
        warnings.append("\(name): '\(item.id)' stands there twice; it is made once")
        continue
      }
      known[item.id] = item
      if item.fault == nil {
        if let other = outputs.updateValue(item.id, forKey: item.place) {
          throw .badData(
            file: name, reason: "'\(other)' and '\(item.id)' have the same output, \(item.place)")
        }
      }
      items.append(item)
    }
    guard !items.isEmpty else { throw .badData(file: name, reason: "holds no clips") }
    (self.items, self.warnings) = (items, warnings)
  }

  /// Items without an id are named after their clip; where several share its name, all of these get a hash of what
  /// they ask for behind it, whatever their order.
  private static func naming(_ items: [BatchItem]) -> [BatchItem] {
    var uses: [String: Set<String>] = [:]
    for item in items where item.id.isEmpty { uses[item.stem, default: []].insert(item.digest) }
    return items.map { item in
      guard item.id.isEmpty else { return item }
      var named = item
      named.id = item.stem + (uses[item.stem]!.count > 1 ? "-" + item.digest : "")
      return named
    }
  }
}

extension BatchItem {
  /// Of its outputs in the folder, without the sound's ending.
  public var place: String {
    let name = output ?? id
    guard output != nil, ["wav", "flac"].contains((name as NSString).pathExtension.lowercased())
    else { return name }
    return (name as NSString).deletingPathExtension
  }

  /// The clip's name without its ending, fit for an id.
  public var stem: String {
    let name = ((video as NSString).lastPathComponent as NSString).deletingPathExtension
    return name.hasPrefix(".") || name.isEmpty ? "clip" + name : name
  }
}

/// The clips of a folder.
private enum BatchFolder {
  static let endings: Set = [
    "3gp", "avi", "flv", "gif", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf",
    "ogv",
    "ts", "webm", "wmv",
  ]

  /// By name; links count as what they lead to, folders within are not entered. `NAME.txt` beside `NAME.mp4` is its
  /// prompt.
  static func items(of folder: String) throws(FoleyError) -> [BatchItem] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    } catch {
      throw .noInput(file: folder, reason: "cannot be listed: \(error.localizedDescription)")
    }
    return names.compactMap { name in
      let path = (folder as NSString).appendingPathComponent(name)
      guard endings.contains((name as NSString).pathExtension.lowercased()),
        !name.hasPrefix("."), !ModelFolder.isDirectory(path)
      else { return nil }
      var item = BatchItem(id: "", video: path)
      let text = (path as NSString).deletingPathExtension + ".txt"
      if FileManager.default.fileExists(atPath: text) {
        let prompt = FileManager.default.contents(atPath: text)
          .flatMap { String(validating: $0, as: UTF8.self) }
        item.prompt = prompt?.trimmingCharacters(in: .whitespacesAndNewlines)
        if prompt == nil { item.fault = "\(text): a prompt is text in UTF-8, which this is not" }
      }
      return item
    }
  }
}
