import Glibc

/// Zeros that take no memory, however many: pages that were never written all show the same one of the
/// kernel's. Weights stand in for real ones where only their shapes matter.
private final class ZeroPages: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer

  init(size: Int) {
    guard size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let base = mmap(nil, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let base, base != MAP_FAILED else { MemoryExhaustion.end(bytes: size) }
    bytes = UnsafeRawBufferPointer(start: base, count: size)
  }

  deinit {
    if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
  }
}

extension HostTensor {
  /// A tensor of zeros that takes no memory.
  public init(zeros shape: Shape, dtype: DType) {
    let pages = ZeroPages(size: shape.count * dtype.size)
    self.init(shape: shape, dtype: dtype, bytes: pages.bytes, owner: pages)
  }

  /// Known to hold zeros, because it was made so.
  public var isZeros: Bool { owner is ZeroPages && rowScales == nil }

  /// What a rearrangement of this tensor into another shape is, where it holds nothing but zeros.
  func zeros(_ shape: Shape) -> HostTensor? {
    isZeros ? HostTensor(zeros: shape, dtype: dtype) : nil
  }
}
