import Foundation
import TestSupport
import Testing

/// Compares a text with the one recorded under `Snapshots`; with FOLEY_RECORD_SNAPSHOTS set, records it.
func expectSnapshot(
  _ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let text = text.replacingOccurrences(of: Shared.repository.path, with: "REPOSITORY")
  let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Snapshots/\(name).txt")
  if ProcessInfo.processInfo.environment["FOLEY_RECORD_SNAPSHOTS"] != nil {
    try Data(text.utf8).write(to: url)
    return
  }
  let recorded = try String(contentsOf: url, encoding: .utf8)
  #expect(text == recorded, "snapshot \(name)", sourceLocation: sourceLocation)
}
