import Foundation

/// Whose windows a journal holds, and all it takes to ask for the same sound again.
public struct JournalHead: Codable, Sendable {
  private static let format = 2

  private let format: Int
  public let identity: RunIdentity
  public let request: GenerationRequest
  /// The model's folder or file.
  public let model: String
  public let precision: Precision?
  /// What the program wants to know again, such as the sound file's format.
  public let output: [String: String]

  init(
    identity: RunIdentity, request: GenerationRequest, model: String, precision: Precision?,
    output: [String: String]
  ) {
    format = JournalHead.format
    (self.identity, self.request, self.model) = (identity, request, model)
    (self.precision, self.output) = (precision, output)
  }

  /// Nil where the bytes are none, or of another version.
  init?(_ payload: Data) {
    do {
      self = try JSONDecoder().decode(JournalHead.self, from: payload)
    } catch {
      return nil
    }
    guard format == JournalHead.format else { return nil }
  }

  var payload: Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    do {
      return try encoder.encode(self)
    } catch {
      preconditionFailure("a head of strings and numbers cannot be encoded: \(error)")
    }
  }
}
