import Tensors

/// Why a checkpoint cannot be used: always the file, and where there is one the key, what was
/// expected and what was found.
public enum CheckpointError: Error, Equatable, Sendable {
  /// The file cannot be opened or mapped.
  case unreadable(file: String, reason: String)
  /// There is no memory to map the file into.
  case outOfMemory(file: String)
  /// The file breaks the rules of its format.
  case malformed(file: String, reason: String)
  /// A tensor the network needs is absent.
  case missingKey(file: String, key: String)
  case wrongShape(file: String, key: String, expected: Shape, found: Shape)
  case wrongType(file: String, key: String, expected: String, found: String)
  /// Tensors no layer has read and no list explains.
  case unreadKeys(file: String, keys: [String])
  /// A setting or value does not fit what the code can run.
  case invalidValue(file: String, key: String, expected: String, found: String)
}

extension CheckpointError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "\(file): cannot be read: \(reason)"
    case .outOfMemory(let file):
      "\(file): cannot be read: out of memory"
    case .malformed(let file, let reason):
      "\(file): not a valid checkpoint: \(reason)"
    case .missingKey(let file, let key):
      "\(file): tensor \(key.quoted) is missing; is this the checkpoint of another model?"
    case .wrongShape(let file, let key, let expected, let found):
      "\(file): tensor \(key.quoted) has shape \(found), expected \(expected)"
    case .wrongType(let file, let key, let expected, let found):
      "\(file): tensor \(key.quoted) is \(found), expected \(expected)"
    case .unreadKeys(let file, let keys):
      "\(file): \(keys.count) tensors this model does not know: "
        + keys.prefix(5).map(\.quoted).joined(separator: ", ") + (keys.count > 5 ? ", ..." : "")
    case .invalidValue(let file, let key, let expected, let found):
      "\(file): \(key.quoted) is \(found), expected \(expected)"
    }
  }
}
