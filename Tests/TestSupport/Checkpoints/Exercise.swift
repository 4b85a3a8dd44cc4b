import Checkpoints
import Tensors

/// Opens a checkpoint and reads every tensor of it, whatever the bytes are.
///
/// - Returns: whether it opened and every tensor could be read.
@discardableResult
public func exerciseCheckpoint(_ bytes: UnsafeRawBufferPointer) -> Bool {
  do throws(CheckpointError) {
    let file = try CheckpointFile(bytes: bytes, name: "file")
    var sum: UInt64 = 0
    for key in file.keys {
      demand(file.contains(key), "a key that is not there: \(key)")
      let tensor = try file.tensor(key)
      demand(tensor.bytes.count <= bytes.count + PyTorchFile.allowance, "too large a tensor")
      for byte in tensor.bytes { sum = sum &* 31 &+ UInt64(byte) }
      tensor.releasePages()
    }
    if file.keys.contains(where: { $0.hasPrefix("model.") }) {
      _ = try file.tensors(below: "model")
    }
    return sum != 1  // Any use, so that reading is not optimised away.
  } catch {
    let message = error.description
    demand(message.hasPrefix("file: "), "an error without the file: \(message)")
    demand(message.utf8.count < 1000, "an endless error")
    demand(!message.unicodeScalars.contains { $0.value < 32 }, "more than one line")
    return false
  }
}

/// A precondition that says in an optimised build, too, what was wrong.
private func demand(_ condition: Bool, _ message: String) {
  if !condition { fatalError(message) }
}
