import Foundation

/// A folder that holds one model: `config.json` and the files it names.
public struct ModelFolder: Sendable, Equatable {
  /// The folder's own name, such as `mini`.
  public let name: String
  /// As it was given, for messages.
  public let path: String

  init(path: String) {
    self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    name = URL(fileURLWithPath: path).standardizedFileURL.lastPathComponent
  }

  public func file(_ name: String) -> String { path + "/" + name }

  /// Checked here because a missing file should be named as such before anything is loaded.
  func requireFile(_ name: String, for use: String) throws(FoleyError) -> String {
    let path = file(name)
    guard FileManager.default.isReadableFile(atPath: path) else {
      let exists = FileManager.default.fileExists(atPath: path)
      throw .badModel(
        path: path,
        reason: (exists ? "cannot be read" : "does not exist")
          + ", but config.json of the model names it for its \(use)")
    }
    return path
  }

  static let configurationFile = "config.json"
}

// MARK: Finding folders

extension ModelFolder {
  /// Folders in which models are looked for by name, best first: `FOLEY_MODELS` (several, with colons
  /// between), `Models` beside the program, and `Models` in each folder above it, which finds those of
  /// the repository from its build folder.
  public static func searchPath(
    environment: [String: String] = ProcessInfo.processInfo.environment,
    program: String = ModelFolder.program
  ) -> [String] {
    var folders: [String] = []
    if let given = environment["FOLEY_MODELS"] {
      folders += given.split(separator: ":").map(String.init)
    }
    var folder = URL(fileURLWithPath: program).deletingLastPathComponent()
    while true {
      folders.append(folder.appendingPathComponent("Models").path)
      if folder.path == "/" || folder.path.isEmpty { break }
      folder.deleteLastPathComponent()
    }
    var seen = Set<String>()
    return folders.filter {
      isDirectory($0)
        && seen.insert(URL(fileURLWithPath: $0).resolvingSymlinksInPath().path).inserted
    }
  }

  /// The running program's file, links resolved.
  public static var program: String {
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
  }

  /// The folder meant by `model`: a path, or a name to look for.
  public static func find(
    _ model: String, in searchPath: [String] = searchPath()
  ) throws(FoleyError) -> ModelFolder {
    if model.contains("/") || isModel(model) {
      guard isDirectory(model) else {
        throw .badModel(
          path: model, reason: "no such folder; --model takes a model's name or folder")
      }
      guard isModel(model) else {
        throw .badModel(path: model, reason: "holds no \(configurationFile), so it is not a model")
      }
      return ModelFolder(path: model)
    }
    for folder in searchPath where isModel(folder + "/" + model) {
      return ModelFolder(path: folder + "/" + model)
    }
    throw .badModel(
      path: model,
      reason: "no model of this name in "
        + (searchPath.isEmpty
          ? "any Models folder beside or above the program" : searchPath.joined(separator: ", "))
        + "; give its folder with --model, or name a folder of models in FOLEY_MODELS")
  }

  /// Every model on the search path; a name found twice is listed once, as `find` would have it.
  public static func all(in searchPath: [String] = searchPath()) throws(FoleyError) -> [ModelFolder]
  {
    var found: [ModelFolder] = []
    for folder in searchPath {
      let names: [String]
      do {
        names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      } catch {
        throw .badModel(path: folder, reason: "cannot be listed: \(error.localizedDescription)")
      }
      for name in names where isModel(folder + "/" + name) {
        if !found.contains(where: { $0.name == name }) {
          found.append(ModelFolder(path: folder + "/" + name))
        }
      }
    }
    return found
  }

  private static func isModel(_ path: String) -> Bool {
    isDirectory(path)
      && FileManager.default.fileExists(atPath: path + "/" + configurationFile)
  }

  private static func isDirectory(_ path: String) -> Bool {
    var directory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &directory)
      && directory.boolValue
  }
}

// MARK: Configuration

extension ModelFolder {
  /// Reads `config.json` as a family's own type.
  func configuration<Configuration: Decodable>(
    _ type: Configuration.Type = Configuration.self
  ) throws(FoleyError) -> Configuration {
    let path = file(ModelFolder.configurationFile)
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      return try JSONDecoder().decode(type, from: data)
    } catch let error as DecodingError {
      throw .badModel(path: path, reason: error.reason)
    } catch {
      throw .badModel(path: path, reason: "cannot be read: \(error.localizedDescription)")
    }
  }
}

extension DecodingError {
  /// One line that names the key, for files people write.
  var reason: String {
    func name(_ path: [any CodingKey]) -> String {
      path.isEmpty
        ? "the file"
        : "'"
          + path.map { $0.intValue.map(String.init) ?? $0.stringValue }
          .joined(separator: ".") + "'"
    }
    switch self {
    case .keyNotFound(let key, let context):
      return "\(name(context.codingPath + [key])) is missing"
    case .valueNotFound(_, let context):
      return "\(name(context.codingPath)) is null"
    case .typeMismatch(let type, let context):
      return "\(name(context.codingPath)) is not of type \(type)"
    case .dataCorrupted(let context):
      return context.codingPath.isEmpty
        ? "is not valid JSON" : "\(name(context.codingPath)): \(context.debugDescription)"
    @unknown default:
      return "\(self)"
    }
  }
}
