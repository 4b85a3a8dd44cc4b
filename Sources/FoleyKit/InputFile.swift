import Foundation

/// A file that is given beside the video.
public enum InputFile {
  /// - Throws: `noInput`, telling a file that is not there from one that cannot be read.
  public static func data(_ path: String) throws(FoleyError) -> Data {
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw .noInput(
        file: path,
        reason: FileManager.default.fileExists(atPath: path)
          ? "cannot be read: \(error.localizedDescription)" : "no such file")
    }
  }

  /// - Parameter kind: of file, for the message, such as "a sheet of cues".
  /// - Throws: as `data`, and `badData` where it is not text in UTF-8.
  public static func text(_ path: String, _ kind: String) throws(FoleyError) -> String {
    guard let text = String(validating: try data(path), as: UTF8.self) else {
      throw .badData(file: path, reason: "\(kind) is text in UTF-8, which this is not")
    }
    return text
  }
}
