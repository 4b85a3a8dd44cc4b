import Foundation

/// A file that appears under its name only when it is complete: written as NAME.partial in the same
/// folder, synced, renamed, and the folder synced. Dropped without `commit()`, it removes what it
/// wrote.
package final class AtomicFile {
  /// The name as the user gave it, for errors.
  package let name: String
  /// Where the bytes go until `commit()`.
  package let partialPath: String
  /// Open for reading and writing; -1 once closed.
  package private(set) var descriptor: Int32
  private let finalPath: String

  /// Creates the partial file, replacing one that a killed run has left.
  ///
  /// - Throws: `MediaError.busy` while another process writes the same file: it holds a lock on it.
  package init(path: String) throws(MediaError) {
    name = path
    finalPath = AtomicFile.followLinks(path)
    partialPath = finalPath + ".partial"
    descriptor = -1
    if AtomicFile.isFolder(finalPath) {
      throw .cannotCreate(file: path, reason: "a folder has this name")
    }
    repeat {
      if descriptor >= 0 { close(descriptor) }
      descriptor = open(partialPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { throw AtomicFile.creating(path, errno) }
      if flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK {
        close(descriptor)
        descriptor = -1
        throw .busy(file: path)
      }
      // Whoever held the lock before may just have given the file its final name.
    } while !isCurrent
    // A link may lead to a device, which cannot be shortened.
    guard ftruncate(descriptor, 0) == 0 || errno == EINVAL else {
      throw .cannotWrite(file: path, reason: reason())
    }
  }

  /// Whether the open file is the one under the partial name.
  private var isCurrent: Bool {
    var (opened, named) = (stat(), stat())
    return fstat(descriptor, &opened) == 0 && stat(partialPath, &named) == 0
      && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(partialPath)
  }

  /// Makes the file durable and gives it its name.
  package func commit() throws(MediaError) {
    precondition(descriptor >= 0, "a file is committed once")
    guard fsync(descriptor) == 0 else { throw .cannotWrite(file: name, reason: reason()) }
    guard rename(partialPath, finalPath) == 0 else {
      throw .cannotCreate(file: name, reason: reason())
    }
    close(descriptor)
    descriptor = -1
    // The rename is durable once the folder is. Some network file systems cannot sync folders.
    let opened = open(AtomicFile.folder(of: finalPath), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard opened >= 0 else { return }
    defer { close(opened) }
    guard fsync(opened) == 0 || errno == EINVAL || errno == ENOTSUP else {
      throw .cannotWrite(file: name, reason: reason())
    }
  }

  private func reason() -> String { MediaError.reason(errno) }

  /// Whether `path` names something to write into as it is: a device or a pipe, not a file to
  /// replace.
  static func isStream(_ path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    let kind = status.st_mode & S_IFMT
    return kind == S_IFIFO || kind == S_IFCHR
  }

  static func creating(_ path: String, _ number: Int32) -> MediaError {
    switch number {
    case ENOENT where isFolder(folder(of: path)):
      // Some file systems answer so to whatever is made in them.
      .cannotCreate(file: path, reason: "its folder takes no files")
    case ENOENT, ENOTDIR:
      .cannotCreate(file: path, reason: "there is no folder \(folder(of: path))")
    case EACCES, EPERM: .cannotCreate(file: path, reason: "permission denied in its folder")
    case ENOSPC, EDQUOT, EIO: .cannotWrite(file: path, reason: MediaError.reason(number))
    default: .cannotCreate(file: path, reason: MediaError.reason(number))
    }
  }

  private static func folder(of path: String) -> String {
    let folder = (path as NSString).deletingLastPathComponent
    return folder.isEmpty ? "." : folder
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// A rename would replace a symbolic link, where the user means the file it points to.
  private static func followLinks(_ path: String) -> String {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK,
      let real = realpath(path, nil)
    else { return path }
    defer { free(real) }
    return String(cString: real)
  }
}

/// Writes all of `bytes`, going on after interruptions; 0 or the `errno`.
package func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int32 {
  var offset = 0
  while offset < bytes.count {
    let written = write(descriptor, bytes.baseAddress! + offset, bytes.count - offset)
    if written < 0 {
      if errno == EINTR { continue }
      return errno
    }
    offset += written
  }
  return 0
}
