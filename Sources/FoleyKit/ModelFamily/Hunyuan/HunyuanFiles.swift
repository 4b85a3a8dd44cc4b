import Foundation

/// Where the parts of a published HunyuanVideo-Foley model lie: a folder as it is downloaded, in any of the
/// ways people do that, or as `foley models import` writes it.
///
/// The transformer, the sound decoder and Synchformer lie in the folder itself. SigLIP2 and CLAP, which
/// others publish, are folders inside it or beside it, or in the cache that the Hugging Face tools keep;
/// they are recognised by what their `config.json` says.
struct HunyuanFiles: Sendable, Equatable {
  let configuration: String
  let transformer: String
  let decoder: String
  let synchformer: String
  /// Folders with `config.json` and the weights.
  let siglip: EncoderFolder
  let clap: EncoderFolder

  /// A folder of the Hugging Face library's layout.
  struct EncoderFolder: Sendable, Equatable {
    let path: String
    /// The weights' file name.
    let weights: String

    var configurationFile: String { path + "/" + ModelFolder.configurationFile }
    var weightsFile: String { path + "/" + weights }
  }

  /// Names of the transformer's file, without ending, by the ending of the name in the configuration.
  private static let transformers = ["XXL": "hunyuanvideo_foley", "XL": "hunyuanvideo_foley_xl"]
  private static let decoderName = "vae_128d_48k"
  private static let synchformerName = "synchformer_state_dict"
  private static let endings = [".safetensors", ".pth"]

  // MARK: Recognising

  /// Whether a folder holds, or was meant to hold, a model of this family.
  static func recognises(_ folder: String) -> Bool {
    (Array(transformers.values) + [decoderName, synchformerName]).contains {
      checkpoint($0, in: folder) != nil
    }
  }

  /// Whether a file is the transformer of such a model.
  static func isTransformer(_ path: String) -> Bool {
    let name = (path as NSString).lastPathComponent
    return transformers.values.contains { stem in endings.contains { stem + $0 == name } }
  }

  // MARK: Finding

  /// - Parameter environment: says where the Hugging Face tools keep their cache.
  init(
    _ folder: ModelFolder, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(FoleyError) {
    let path = folder.path
    (transformer, configuration) = try HunyuanFiles.transformer(folder)
    func require(_ name: String) throws(FoleyError) -> String {
      if let file = HunyuanFiles.checkpoint(name, in: path) { return file }
      throw .badModel(
        path: path, reason: "holds no \(name).pth; download it with the rest of the model")
    }
    decoder = try require(HunyuanFiles.decoderName)
    synchformer = try require(HunyuanFiles.synchformerName)
    let places = EncoderPlaces(path, environment: environment)
    siglip = try places.find(.siglip)
    clap = try places.find(.clap)
  }

  /// The transformer's file and the configuration that belongs to it.
  private static func transformer(
    _ folder: ModelFolder
  ) throws(FoleyError) -> (file: String, configuration: String) {
    let present = transformers.values.sorted().compactMap { checkpoint($0, in: folder.path) }
    guard let first = present.first else {
      throw .badModel(
        path: folder.path,
        reason: "holds no hunyuanvideo_foley.pth and no hunyuanvideo_foley_xl.pth; "
          + "download one of them")
    }
    let wanted = folder.chosenFile.map { folder.file($0) }
    let configurations = try configurations(in: folder.path)
    // The configuration's name tells the sizes apart, as far as it goes.
    for (configuration, name) in configurations {
      for (ending, stem) in transformers.sorted(by: { $0.key > $1.key })
      where name.uppercased().hasSuffix("-" + ending) {
        guard let file = checkpoint(stem, in: folder.path), wanted == nil || wanted == file else {
          continue
        }
        return (file, configuration)
      }
    }
    if present.count == 1 && configurations.count == 1 && (wanted ?? first) == first {
      return (first, configurations[0].file)
    }
    throw .badModel(
      path: folder.path,
      reason: "no configuration fits \((wanted ?? first).lastPathComponent): those here are of "
        + configurations.map { "\($0.name) (\($0.file.lastPathComponent))" }.joined(separator: ", ")
        + "; the size's own YAML file comes with the reference implementation, in its configs")
  }

  /// Configurations in the folder, and the names of the models they are of.
  private static func configurations(
    in folder: String
  ) throws(FoleyError) -> [(file: String, name: String)] {
    var found: [(String, String)] = []
    for place in [folder, folder + "/configs"] {
      for file in files(in: place) where isConfiguration(file) {
        let path = place + "/" + file
        let name = try YAMLSection(file: path).section("model_config").text("model_name")
        // The plain name goes first.
        found.insert((path, name), at: file == "config.yaml" && place == folder ? 0 : found.count)
      }
    }
    guard !found.isEmpty else {
      throw .badModel(path: folder, reason: "holds no config.yaml; download it with the model")
    }
    return found
  }

  private static func isConfiguration(_ name: String) -> Bool {
    let name = name.lowercased()
    return (name.hasSuffix(".yaml") || name.hasSuffix(".yml"))
      && (name.hasPrefix("config") || name.contains("foley"))
  }

  private static func checkpoint(_ name: String, in folder: String) -> String? {
    endings.map { folder + "/" + name + $0 }
      .first { FileManager.default.fileExists(atPath: $0) }
  }

  /// Names in a folder, sorted; none where it is no folder that can be read.
  static func files(in folder: String) -> [String] {
    // Whoever needs one of them says that it is missing.
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }
}

extension String {
  fileprivate var lastPathComponent: String { (self as NSString).lastPathComponent }
}
