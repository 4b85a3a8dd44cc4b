import Foundation
import Yams

/// A mapping in a YAML file, read key by key, so that what is missing is an error that names it, and what
/// nobody asked for can be told.
final class YAMLSection {
  let file: String
  /// Keys from the top of the file to here.
  private let path: [String]
  private let values: [String: Node]
  private var unread: Set<String>
  private var sections: [YAMLSection] = []

  /// More than any configuration has; a wrong file should not fill the memory.
  private static let maximumSize = 1 << 20

  /// Reads a file whose top is a mapping.
  convenience init(file: String) throws(FoleyError) {
    let text: String
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: file))
      guard data.count <= YAMLSection.maximumSize,
        let decoded = String(validating: data, as: UTF8.self)
      else { throw FoleyError.badModel(path: file, reason: "is not a configuration in YAML") }
      text = decoded
    } catch let error as FoleyError {
      throw error
    } catch {
      throw .badModel(path: file, reason: "cannot be read: \(error.localizedDescription)")
    }
    let top: Node?
    do {
      top = try compose(yaml: text)
    } catch {
      throw .badModel(path: file, reason: "is not valid YAML: \(YAMLSection.reason(error))")
    }
    guard let top else { throw .badModel(path: file, reason: "is empty") }
    try self.init(file: file, path: [], node: top)
  }

  private init(file: String, path: [String], node: Node) throws(FoleyError) {
    self.file = file
    self.path = path
    guard case .mapping(let mapping) = node else {
      throw .badModel(
        path: file,
        reason: (path.isEmpty ? "the file" : "'\(path.joined(separator: "."))'")
          + " is not a mapping of keys to values")
    }
    var values: [String: Node] = [:]
    for (key, value) in mapping {
      guard case .scalar(let scalar) = key else {
        throw .badModel(path: file, reason: "a key is not a plain word")
      }
      values[scalar.string] = value
    }
    self.values = values
    unread = Set(values.keys)
  }

  // MARK: Reading

  func section(_ key: String) throws(FoleyError) -> YAMLSection {
    let section = try YAMLSection(file: file, path: path + [key], node: try node(key))
    sections.append(section)
    return section
  }

  func integer(_ key: String) throws(FoleyError) -> Int {
    try value(key, "a whole number") { Int.construct(from: $0) }
  }

  func number(_ key: String) throws(FoleyError) -> Double {
    try value(key, "a number") { scalar in
      Double.construct(from: scalar).flatMap { $0.isFinite ? $0 : nil }
    }
  }

  func text(_ key: String) throws(FoleyError) -> String {
    try value(key, "a text") { String.construct(from: $0) }
  }

  /// Reads a key of which the program knows one value only.
  func require(_ key: String, _ expected: Int) throws(FoleyError) {
    try demand(key, "\(expected)") { Int.construct(from: $0) == expected }
  }

  func require(_ key: String, _ expected: Bool) throws(FoleyError) {
    try demand(key, "\(expected)") { Bool.construct(from: $0) == expected }
  }

  func require(_ key: String, _ expected: String) throws(FoleyError) {
    try demand(key, expected) { $0.string == expected }
  }

  func requireNull(_ key: String) throws(FoleyError) {
    try demand(key, "null") { NSNull.construct(from: $0) != nil }
  }

  /// Declares keys as known and not needed.
  func ignore(_ keys: String...) { unread.subtract(keys) }

  /// Keys of this section and those below it that nobody has asked for, from the top of the file.
  var unreadKeys: [String] {
    (unread.map { (path + [$0]).joined(separator: ".") } + sections.flatMap(\.unreadKeys)).sorted()
  }

  /// An error about a key's value.
  func unusable(_ key: String, expected: String) throws(FoleyError) -> FoleyError {
    let found: String
    switch try node(key) {
    case .scalar(let scalar): found = scalar.string.isEmpty ? "empty" : "'\(scalar.string)'"
    case .mapping: found = "a mapping"
    case .sequence: found = "a list"
    case .alias: found = "a reference"
    }
    return .badModel(path: file, reason: "'\(name(key))' is \(found), expected \(expected)")
  }

  // MARK: Pieces

  private func name(_ key: String) -> String { (path + [key]).joined(separator: ".") }

  private func node(_ key: String) throws(FoleyError) -> Node {
    unread.remove(key)
    guard let node = values[key] else {
      throw .badModel(path: file, reason: "'\(name(key))' is missing")
    }
    return node
  }

  private func value<Value>(
    _ key: String, _ kind: String, _ read: (Node.Scalar) -> Value?
  ) throws(FoleyError) -> Value {
    guard case .scalar(let scalar) = try node(key), let value = read(scalar) else {
      throw try unusable(key, expected: kind)
    }
    return value
  }

  private func demand(
    _ key: String, _ expected: String, _ holds: (Node.Scalar) -> Bool
  ) throws(FoleyError) {
    guard case .scalar(let scalar) = try node(key), holds(scalar) else {
      throw try unusable(
        key, expected: "\(expected): this program runs the published architecture only")
    }
  }

  /// One line, without the text of the file that the library's own description repeats.
  private static func reason(_ error: any Error) -> String {
    switch error {
    case YamlError.scanner(_, let problem, let mark, _),
      YamlError.parser(_, let problem, let mark, _),
      YamlError.composer(_, let problem, let mark, _):
      "line \(mark.line): \(problem)"
    case YamlError.reader(let problem, _, _, _): problem
    case YamlError.duplicatedKeysInMapping(let keys, _):
      "the keys \(keys.map { "'\($0)'" }.joined(separator: ", ")) appear twice"
    default: "\(error)".split(separator: "\n").first.map(String.init) ?? "unknown fault"
    }
  }
}
