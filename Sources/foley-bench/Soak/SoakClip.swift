import Foundation

/// A video and what is known of it.
struct SoakClip {
  private struct Description: Decodable {
    var prompt: String
  }

  let name: String
  let video: String
  let prompt: String
  /// A file with the true events.
  let truth: String

  /// The clips of a folder in the order of their names.
  static func all(in folder: String) throws -> [SoakClip] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    return try names.filter { $0.hasSuffix(".json") }.compactMap { file in
      let name = (file as NSString).deletingPathExtension
      guard let video = names.first(where: { $0.hasPrefix(name + ".") && $0 != file }) else {
        return nil
      }
      let path = folder + "/" + file
      let description = try JSONDecoder().decode(
        Description.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
      return SoakClip(
        name: name, video: folder + "/" + video, prompt: description.prompt, truth: path)
    }
  }
}
