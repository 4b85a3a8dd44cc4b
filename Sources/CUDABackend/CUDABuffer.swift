import CUDADevice
import Synchronization
import Tensors

/// Memory of the GPU behind tensors. Written by the operation that makes it, before anyone else sees it.
final class CUDABuffer: Buffer, @unchecked Sendable {
  private let owner: CUDABackend
  let size: Int
  private let block: Mutex<DeviceBlock?>
  /// Whether its values have passed through products in bf16: digits they have lost need not be kept by
  /// whoever reads them.
  var isRounded = false
  /// The least and the greatest of a row index.
  private(set) var indices: ClosedRange<Int32>?

  var backend: any Backend { owner }

  init(size: Int, _ use: DevicePool.Use, on backend: CUDABackend) {
    owner = backend
    self.size = size
    block = Mutex(backend.must { () throws(CUDAError) in try backend.pool.take(size, use) })
  }

  /// Zeros, which take memory when somebody asks for them: stand-ins for weights are only looked at.
  init(zeros size: Int, on backend: CUDABackend) {
    owner = backend
    self.size = size
    block = Mutex(nil)
  }

  var address: UInt64 {
    block.withLock { block in
      if let block { return block.address }
      let made = owner.must { () throws(CUDAError) in
        let made = try owner.pool.take(size, .lasting)
        try owner.pool.stream.fill(made.address, bytes: size)
        return made
      }
      block = made
      return made.address
    }
  }

  /// Remembers the bounds of a row index, which is not to be had from the GPU without waiting for it.
  func noteIndices(_ bytes: UnsafeRawBufferPointer) {
    let entries = (0..<bytes.count / 4).lazy.map {
      bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self)
    }
    if let least = entries.min(), let greatest = entries.max() { indices = least...greatest }
  }
}
