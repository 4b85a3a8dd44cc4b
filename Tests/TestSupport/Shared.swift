import Foundation

/// The folder of fixtures and development data that lies beside the repository on development
/// machines. Tests that need it skip, and say so, where it is absent.
public enum Shared {
  /// The repository's root, found from this source file's place in it.
  public static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// `../shared`, or nil where there is none.
  public static let directory: URL? = {
    let candidate = repository.deletingLastPathComponent().appendingPathComponent("shared")
    return FileManager.default.fileExists(atPath: candidate.path) ? candidate : nil
  }()
}
