import Foundation

/// A folder of its own for a test, gone afterwards. Its name has a blank, as people's folders do.
public func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("foley tests \(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  let result = Swift.Result { try body(folder) }
  try FileManager.default.removeItem(at: folder)
  return try result.get()
}
