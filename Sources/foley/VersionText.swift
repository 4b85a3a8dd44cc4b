import CPUBackend
import CVersion
import FoleyKit
import Foundation
import Media

/// What `--version` tells: enough for a report of a mistake. The first line is the version alone.
enum VersionText {
  static var text: String {
    let commit = String(cString: foley_commit())
    let levels = SIMDLevel.allCases.filter(\.isSupported).map(\.description)
    let libraries = LibraryVersions.all.map { "\($0.name) \($0.version)" }
    return """
      foley \(ProgramVersion.current)
      commit     \(commit.isEmpty ? "not told to the build" : commit)
      processor  \(level), of \(levels.joined(separator: ", "))
      libraries  \(libraries.joined(separator: ", "))
      """
  }

  /// The instructions that are used; `FOLEY_SIMD` may ask for others.
  private static var level: String {
    do {
      return try SIMDLevel.preferred().description
    } catch {
      return "none (\(error))"
    }
  }
}
