import Foundation

/// `Models/manifest.json`: for each file of the models in that folder its size, hash, licence and
/// origin, so that a damaged or exchanged file can be told.
public struct ModelManifest: Codable, Sendable {
  public struct Entry: Codable, Sendable {
    /// Path below the folder of the manifest, such as `mini/text.safetensors`.
    public var file: String
    public var bytes: Int
    /// SHA-256 in hexadecimal.
    public var sha256: String
    public var licence: String?
    public var origin: String?
  }

  public var files: [Entry]

  /// The manifest in the folder above the model's, or nil where there is none.
  public init?(beside folder: ModelFolder) throws(FoleyError) {
    let path = URL(fileURLWithPath: folder.path).deletingLastPathComponent()
      .appendingPathComponent("manifest.json").path
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    do {
      self = try JSONDecoder().decode(
        ModelManifest.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    } catch let error as DecodingError {
      throw .badModel(path: path, reason: error.reason)
    } catch {
      throw .badModel(path: path, reason: "cannot be read: \(error.localizedDescription)")
    }
  }
}

/// One file of a model as it lies on the disk, compared with the manifest.
public struct ModelFile: Codable, Sendable {
  public enum State: String, Codable, Sendable {
    /// Size and hash are those of the manifest.
    case verified
    /// The manifest does not name this file.
    case unlisted
    case wrongSize, wrongHash, missing
  }

  public var name: String
  public var bytes: Int
  public var state: State
}

extension ModelFolder {
  /// The files of the folder, each checked against the manifest where it names them.
  public func files() throws(FoleyError) -> [ModelFile] {
    let manifest = try ModelManifest(beside: self)
    var expected: [String: ModelManifest.Entry] = [:]
    for entry in manifest?.files ?? [] where entry.file.hasPrefix(name + "/") {
      expected[String(entry.file.dropFirst(name.count + 1))] = entry
    }
    do {
      var found: [ModelFile] = []
      for name in try FileManager.default.contentsOfDirectory(atPath: path) {
        let target = URL(fileURLWithPath: file(name)).resolvingSymlinksInPath()
        let attributes = try FileManager.default.attributesOfItem(atPath: target.path)
        guard attributes[.type] as? FileAttributeType == .typeRegular else { continue }
        let bytes = (attributes[.size] as? NSNumber)?.intValue ?? 0
        let state: ModelFile.State
        switch expected.removeValue(forKey: name) {
        case nil: state = .unlisted
        case let entry? where entry.bytes != bytes: state = .wrongSize
        case let entry?:
          state =
            try SHA256.hash(ofFile: target.path) == entry.sha256.lowercased()
            ? .verified : .wrongHash
        }
        found.append(ModelFile(name: name, bytes: bytes, state: state))
      }
      found += expected.keys.map { ModelFile(name: $0, bytes: 0, state: .missing) }
      return found.sorted { $0.name < $1.name }
    } catch {
      throw .badModel(path: path, reason: "cannot be examined: \(error.localizedDescription)")
    }
  }
}
