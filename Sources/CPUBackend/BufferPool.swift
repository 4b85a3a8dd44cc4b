import Glibc
import Synchronization
import Tensors

/// Memory of finished tensors, kept for the next ones of the same size: the steps of a sampler ask for the
/// same sizes again and again, and fresh pages cost more than the arithmetic on them.
final class BufferPool: Sendable {
  /// Bytes kept at most; memory that would exceed it goes back to the system.
  let limit: Int

  private struct Free {
    var blocks: [Int: [UnsafeMutableRawPointer]] = [:]
    var bytes = 0
  }
  // Blocks in here belong to nobody else.
  private struct Shelf: @unchecked Sendable { var free = Free() }
  private let shelf = Mutex(Shelf())

  init(limit: Int) { self.limit = limit }

  deinit { trim() }

  /// Bytes kept at the moment.
  var keptBytes: Int { shelf.withLock { $0.free.bytes } }

  /// At least `size` bytes, aligned to 64, contents undefined. Give back with the same `size`.
  func take(_ size: Int) -> UnsafeMutableRawPointer {
    let capacity = BufferPool.capacity(size)
    let kept = shelf.withLock { shelf -> UnsafeSendable? in
      guard let block = shelf.free.blocks[capacity]?.popLast() else { return nil }
      shelf.free.bytes -= capacity
      return UnsafeSendable(pointer: block)
    }
    return kept?.pointer ?? BufferPool.allocate(capacity)
  }

  func giveBack(_ block: UnsafeMutableRawPointer, size: Int) {
    let capacity = BufferPool.capacity(size)
    let block = UnsafeSendable(pointer: block)
    if capacity > limit { return BufferPool.free(block.pointer, capacity) }
    // A pool full of sizes nobody asks for any more makes room by starting over.
    if keptBytes + capacity > limit { trim() }
    shelf.withLock { shelf in
      shelf.free.blocks[capacity, default: []].append(block.pointer)
      shelf.free.bytes += capacity
    }
  }

  /// Returns everything that is kept to the system.
  func trim() {
    let dropped = shelf.withLock { shelf -> Shelf in
      let all = shelf
      shelf.free = Free()
      return all
    }
    for (capacity, blocks) in dropped.free.blocks {
      for block in blocks { BufferPool.free(block, capacity) }
    }
  }

  // MARK: Blocks

  private struct UnsafeSendable: @unchecked Sendable { let pointer: UnsafeMutableRawPointer }

  /// `size` rounded up to eight steps per doubling, so that almost equal sizes share blocks.
  static func capacity(_ size: Int) -> Int {
    guard size > 512 else { return (max(size, 1) + 63) / 64 * 64 }
    let step = 1 << (Int.bitWidth - 1 - (size - 1).leadingZeroBitCount - 3)
    return (size + step - 1) / step * step
  }

  /// From here on memory is mapped by itself, so that giving it back always reaches the system.
  private static let mapped = 1 << 18

  private static func allocate(_ capacity: Int) -> UnsafeMutableRawPointer {
    guard capacity >= mapped else { return .allocate(byteCount: capacity, alignment: 64) }
    let block = mmap(nil, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let block, block != MAP_FAILED else { MemoryExhaustion.end(bytes: capacity) }
    return block
  }

  private static func free(_ block: UnsafeMutableRawPointer, _ capacity: Int) {
    if capacity >= mapped { munmap(block, capacity) } else { block.deallocate() }
  }
}
