import Tensors

/// A file of named tensors, whatever its format.
public protocol TensorSource: Sendable {
  /// The file's path, for messages.
  var file: String { get }
  var keys: [String] { get }
  func contains(_ key: String) -> Bool
  /// The stored bytes of one tensor; without row scales, which `Weights` joins to it.
  ///
  /// They may be pages of the file: whoever has copied or converted them calls
  /// `HostTensor.releasePages`, so that a large file need not stay in memory.
  func tensor(_ key: String) throws(CheckpointError) -> HostTensor
}

extension TensorSource {
  /// The tensors whose keys begin with `name` and a dot, under what follows: the state dictionary inside
  /// a checkpoint that holds other things, too.
  ///
  /// - Throws: `missingKey` where there are none.
  public func tensors(below name: String) throws(CheckpointError) -> some TensorSource {
    let prefix = name + "."
    let keys = keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    guard !keys.isEmpty else { throw CheckpointError.missingKey(file: file, key: prefix + "*") }
    return TensorsBelow(source: self, prefix: prefix, keys: keys)
  }
}

private struct TensorsBelow<Source: TensorSource>: TensorSource {
  let source: Source
  let prefix: String
  let keys: [String]

  var file: String { source.file }
  func contains(_ key: String) -> Bool { source.contains(prefix + key) }
  func tensor(_ key: String) throws(CheckpointError) -> HostTensor {
    try source.tensor(prefix + key)
  }
}
