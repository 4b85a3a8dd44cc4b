import Tensors

/// A file of named tensors, whatever its format.
public protocol TensorSource: Sendable {
  /// The file's path, for messages.
  var file: String { get }
  var keys: [String] { get }
  func contains(_ key: String) -> Bool
  /// The stored bytes of one tensor; without row scales, which `Weights` joins to it.
  func tensor(_ key: String) throws(CheckpointError) -> HostTensor
}
