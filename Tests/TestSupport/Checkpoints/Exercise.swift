import Checkpoints
import Tensors

/// Opens a checkpoint and reads every tensor of it, whatever the bytes are.
///
/// - Returns: whether it opened and every tensor could be read.
@discardableResult
public func exerciseCheckpoint(_ bytes: [UInt8]) -> Bool {
  do {
    let file = try bytes.withUnsafeBytes { contents throws(CheckpointError) in
      try CheckpointFile(bytes: contents, name: "file")
    }
    var sum: UInt64 = 0
    for key in file.keys {
      precondition(file.contains(key))
      let tensor = try file.tensor(key)
      precondition(tensor.bytes.count <= bytes.count + PyTorchFile.allowance, "too large a tensor")
      for byte in tensor.bytes { sum = sum &* 31 &+ UInt64(byte) }
      tensor.releasePages()
    }
    _ = try? file.tensors(below: "model")  // There need not be such tensors.
    return sum != 1  // Any use, so that reading is not optimised away.
  } catch {
    let message = error.description
    precondition(message.hasPrefix("file: "), "an error without the file: \(message)")
    precondition(message.utf8.count < 1000, "an endless error")
    precondition(!message.unicodeScalars.contains { $0.value < 32 }, "more than one line")
    return false
  }
}
