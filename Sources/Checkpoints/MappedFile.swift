import Foundation
import Tensors

/// A file's bytes mapped read-only; pages are loaded as they are touched and shared between processes.
///
/// A file must not be made shorter while it is mapped: reading the lost pages ends the program.
final class MappedFile: FileBacked, @unchecked Sendable {
  let path: String
  let bytes: UnsafeRawBufferPointer
  private let isMapped: Bool

  init(path: String) throws(CheckpointError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(file: path, reason: MappedFile.reason()) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .unreadable(file: path, reason: MappedFile.reason())
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .unreadable(file: path, reason: "not a regular file")
    }
    let size = Int(status.st_size)
    guard size > 0 else { throw .malformed(file: path, reason: "the file is empty") }
    guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED
    else {
      throw errno == ENOMEM
        ? .outOfMemory(file: path) : .unreadable(file: path, reason: MappedFile.reason())
    }
    self.path = path
    bytes = UnsafeRawBufferPointer(start: base, count: size)
    isMapped = true
  }

  /// The same for bytes in memory, which are copied; `path` is what messages call them.
  init(copying contents: UnsafeRawBufferPointer, path: String) throws(CheckpointError) {
    guard !contents.isEmpty else { throw .malformed(file: path, reason: "the file is empty") }
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: contents.count, alignment: 64)
    memory.copyMemory(from: contents)
    self.path = path
    bytes = UnsafeRawBufferPointer(memory)
    isMapped = false
  }

  deinit {
    if isMapped {
      munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    } else {
      bytes.deallocate()
    }
  }

  func release(_ part: UnsafeRawBufferPointer) {
    guard isMapped, let start = part.baseAddress, let base = bytes.baseAddress, !part.isEmpty else {
      return
    }
    let offset = start - base
    precondition(offset >= 0 && offset + part.count <= bytes.count, "bytes of another file")
    // Outwards to whole pages: a neighbour's bytes on them come back when they are touched.
    let page = Int(getpagesize())
    let first = offset / page * page
    let status = madvise(
      UnsafeMutableRawPointer(mutating: base + first), offset + part.count - first, MADV_DONTNEED)
    // Advice on a range that is mapped for certain; only a wrong address can make it fail.
    assert(status == 0, MappedFile.reason())
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
