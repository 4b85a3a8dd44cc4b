import Foundation

/// An encoder that others have published, as the Hugging Face library stores it.
enum PublishedEncoder: Sendable {
  case siglip, clap

  /// What `config.json` calls the kind of model.
  var modelTypes: [String] {
    switch self {
    case .siglip: ["siglip", "siglip2"]
    case .clap: ["clap"]
    }
  }

  var publisher: String { self == .siglip ? "google" : "laion" }

  /// The name it is published under.
  var name: String {
    self == .siglip ? "siglip2-base-patch16-512" : "larger_clap_general"
  }
}

/// Where a model's encoders may lie, best first.
struct EncoderPlaces {
  private let folder: String
  /// Folders that hold folders of many models.
  private let shelves: [String]

  /// How deep to look for `config.json` inside the model's folder: a cache's folder nests three.
  private static let depth = 4
  private static let weights = ["model.safetensors", "pytorch_model.bin"]

  init(_ folder: String, environment: [String: String]) {
    self.folder = folder
    let home = environment["HOME"].map { $0 + "/.cache/huggingface/hub" }
    let caches = [
      environment["HF_HUB_CACHE"], environment["HF_HOME"].map { $0 + "/hub" }, home,
    ]
    let beside = URL(fileURLWithPath: folder).deletingLastPathComponent().path
    // The folder itself may be a snapshot in a cache.
    let above = URL(fileURLWithPath: folder).appendingPathComponent("../../..").standardized.path
    shelves = [beside, above] + caches.compactMap { $0 }
  }

  /// - Throws: `FoleyError.badModel`, which says what to download.
  func find(_ encoder: PublishedEncoder) throws(FoleyError) -> HunyuanFiles.EncoderFolder {
    var candidates = EncoderPlaces.folders(below: folder, depth: EncoderPlaces.depth)
    for shelf in shelves {
      candidates += [
        "\(shelf)/\(encoder.name)", "\(shelf)/\(encoder.publisher)/\(encoder.name)",
        ModelFolder.snapshot("\(shelf)/models--\(encoder.publisher)--\(encoder.name)"),
      ]
    }
    for path in candidates where try EncoderPlaces.isModel(path, of: encoder) {
      guard let weights = EncoderPlaces.weights.first(where: { exists(path + "/" + $0) }) else {
        throw .badModel(
          path: path,
          reason: "holds no \(EncoderPlaces.weights[0]) beside \(ModelFolder.configurationFile)")
      }
      return HunyuanFiles.EncoderFolder(path: path, weights: weights)
    }
    throw .badModel(
      path: folder,
      reason: "holds no folder with \(encoder.publisher)/\(encoder.name) (config.json, "
        + "model.safetensors and what lies beside them); download it into the model's folder")
  }

  private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// Whether a folder's `config.json` says that it holds this encoder.
  private static func isModel(
    _ path: String, of encoder: PublishedEncoder
  ) throws(FoleyError) -> Bool {
    struct Kind: Decodable {
      let modelType: String?
      enum CodingKeys: String, CodingKey { case modelType = "model_type" }
    }
    let file = path + "/" + ModelFolder.configurationFile
    guard FileManager.default.fileExists(atPath: file) else { return false }
    let kind = try ModelFolder.json(Kind.self, in: file)
    return kind.modelType.map { encoder.modelTypes.contains($0) } ?? false
  }

  /// Folders inside a folder, nearer ones first.
  private static func folders(below top: String, depth: Int) -> [String] {
    var found: [String] = []
    var level = [top]
    for _ in 0..<depth {
      level = level.flatMap { folder in
        HunyuanFiles.files(in: folder).filter { !$0.hasPrefix(".") }.map { folder + "/" + $0 }
          .filter(ModelFolder.isDirectory)
      }
      found += level
    }
    return found
  }
}
