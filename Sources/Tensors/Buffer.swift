/// Memory of one device that one or more tensors look into. Opaque outside its backend.
public protocol Buffer: AnyObject, Sendable {
  var backend: any Backend { get }
  /// Bytes that may be addressed.
  var size: Int { get }
}

/// A buffer in the memory of this process, for backends that compute there.
///
/// It is written once, by the operation that makes it, before anyone else can see it; from then on
/// it is only read, which is what makes sharing it between threads sound.
public final class HostBuffer: Buffer, @unchecked Sendable {
  public let backend: any Backend
  public let size: Int
  public let base: UnsafeMutableRawPointer
  private let release: @Sendable (UnsafeMutableRawPointer, Int) -> Void

  /// - Parameter release: called once with `base` and `size` when the last user is gone.
  public init(
    backend: any Backend, base: UnsafeMutableRawPointer, size: Int,
    release: @escaping @Sendable (UnsafeMutableRawPointer, Int) -> Void
  ) {
    self.backend = backend
    self.base = base
    self.size = size
    self.release = release
  }

  deinit { release(base, size) }
}

/// Elements in host memory that are not on a device yet: what a checkpoint gives to a backend.
///
/// The bytes may be a mapped file; `owner` keeps them alive. Never written.
public struct HostTensor: @unchecked Sendable {
  public let shape: Shape
  public let dtype: DType
  public let bytes: UnsafeRawBufferPointer
  public let owner: AnyObject?
  /// Factor of each row (first dimension) of an i8 tensor.
  public let rowScales: [Float]?

  public init(
    shape: Shape, dtype: DType, bytes: UnsafeRawBufferPointer, owner: AnyObject?,
    rowScales: [Float]? = nil
  ) {
    precondition(bytes.count == shape.count * dtype.size, "bytes do not fit shape \(shape)")
    self.shape = shape
    self.dtype = dtype
    self.bytes = bytes
    self.owner = owner
    self.rowScales = rowScales
  }

  /// Elements copied from an array into memory of their own.
  public init<Element: BitwiseCopyable>(
    copying elements: [Element], shape: Shape, dtype: DType, rowScales: [Float]? = nil
  ) {
    precondition(MemoryLayout<Element>.stride == dtype.size)
    let memory = HostMemory(size: elements.count * dtype.size)
    elements.withUnsafeBytes { memory.bytes.copyMemory(from: $0) }
    self.init(
      shape: shape, dtype: dtype, bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory,
      rowScales: rowScales)
  }
}

/// Memory whose pages are those of a file, so that they can be given back and had again.
public protocol FileBacked: AnyObject, Sendable {
  /// Gives back the pages `bytes` lie on. They may still be read, which loads them again.
  func release(_ bytes: UnsafeRawBufferPointer)
}

extension HostTensor {
  /// Says that the elements have been copied or converted and will not be needed soon: pages of a
  /// mapped file leave this process's memory. Without effect on memory that is not a file's.
  public func releasePages() { (owner as? any FileBacked)?.release(bytes) }
}

/// An owned block of host memory, aligned to 64 bytes.
public final class HostMemory: @unchecked Sendable {
  public let bytes: UnsafeMutableRawBufferPointer

  public init(size: Int) {
    bytes = .allocate(byteCount: size, alignment: 64)
  }

  deinit { bytes.deallocate() }
}
