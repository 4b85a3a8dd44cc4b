import Foundation

/// A folder that holds one model: `config.json` and the files it names, or a published model as it is
/// downloaded.
public struct ModelFolder: Sendable, Equatable {
  /// The folder's own name, such as `mini`.
  public let name: String
  /// As it was given, for messages.
  public let path: String
  /// The file that was given in place of its folder, where a folder holds models of several sizes.
  let chosenFile: String?

  init(path: String, chosenFile: String? = nil) {
    self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    name = URL(fileURLWithPath: path).standardizedFileURL.lastPathComponent
    self.chosenFile = chosenFile
  }

  public func file(_ name: String) -> String { path + "/" + name }

  /// Checked here because a missing file should be named as such before anything is loaded.
  func requireFile(_ name: String) throws(FoleyError) -> String {
    let path = file(name)
    guard FileManager.default.isReadableFile(atPath: path) else {
      let exists = FileManager.default.fileExists(atPath: path)
      throw .badModel(
        path: path,
        reason: (exists ? "cannot be read" : "does not exist")
          + ", but config.json of the model names it")
    }
    return path
  }

  static let configurationFile = "config.json"
}

// MARK: Finding folders

extension ModelFolder {
  /// Folders in which models are looked for by name, best first: `FOLEY_MODELS` (several, with colons
  /// between), `share/foley/Models` beside the program's folder, where `Scripts/install` puts them, `Models` beside
  /// the program, and `Models` in each folder above it, which finds those of the repository from its build folder.
  public static func searchPath(
    environment: [String: String] = ProcessInfo.processInfo.environment,
    program: String = ModelFolder.program
  ) -> [String] {
    var folders: [String] = []
    if let given = environment["FOLEY_MODELS"] {
      folders += given.split(separator: ":").map(String.init)
    }
    var folder = URL(fileURLWithPath: program).deletingLastPathComponent()
    folders.append(
      folder.deletingLastPathComponent().appendingPathComponent("share/foley/Models").path)
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

  /// The folder meant by `model`: a path, or a name to look for. A published model's folder in a cache of
  /// the Hugging Face tools is known, too, and so is the path of its transformer's file.
  public static func find(
    _ model: String, in searchPath: [String] = searchPath()
  ) throws(FoleyError) -> ModelFolder {
    if HunyuanFiles.isTransformer(model), FileManager.default.fileExists(atPath: model) {
      let file = URL(fileURLWithPath: model)
      let folder = model.contains("/") ? file.deletingLastPathComponent().path : "."
      return ModelFolder(path: folder, chosenFile: file.lastPathComponent)
    }
    let model = snapshot(model)
    if model.contains("/") || isModel(model) {
      guard isDirectory(model) else {
        throw .badModel(
          path: model,
          reason: FileManager.default.fileExists(atPath: model)
            ? noFolder : "no such folder; --model takes a model's name or folder")
      }
      guard isModel(model) else {
        throw .badModel(
          path: model,
          reason:
            "holds no \(configurationFile), and nothing of a published model, so it is not a model")
      }
      return ModelFolder(path: model)
    }
    for folder in searchPath where isModel(folder + "/" + model) {
      return ModelFolder(path: folder + "/" + model)
    }
    if FileManager.default.fileExists(atPath: model) {
      throw .badModel(path: model, reason: noFolder)
    }
    throw .badModel(
      path: model,
      reason: "no model of this name in "
        + (searchPath.isEmpty
          ? "any Models folder beside or above the program" : searchPath.joined(separator: ", "))
        + "; give its folder with --model, or name a folder of models in FOLEY_MODELS")
  }

  private static let noFolder =
    "is a file; --model takes a model's name, its folder, or, under its published name, the "
    + "transformer's file of a published model"

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
      && (FileManager.default.fileExists(atPath: path + "/" + configurationFile)
        || HunyuanFiles.recognises(path))
  }

  /// The newest snapshot inside a folder of the Hugging Face tools' cache; another folder is itself.
  static func snapshot(_ path: String) -> String {
    let snapshots = path + "/snapshots"
    guard isDirectory(snapshots) else { return path }
    let main = FileManager.default.contents(atPath: path + "/refs/main")
      .map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
    let names = HunyuanFiles.files(in: snapshots)
    guard let name = names.first(where: { $0 == main }) ?? names.last else { return path }
    return snapshots + "/" + name
  }

  static func isDirectory(_ path: String) -> Bool {
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
    try ModelFolder.json(type, in: file(ModelFolder.configurationFile))
  }

  /// Reads a JSON file as some type.
  static func json<Content: Decodable>(
    _ type: Content.Type, in path: String
  ) throws(FoleyError) -> Content {
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
