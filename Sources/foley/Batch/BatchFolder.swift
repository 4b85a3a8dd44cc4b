import FoleyKit
import Foundation

/// Where everything of a batch goes, and nothing beyond.
struct BatchFolder {
  let path: String
  private let suffix: String

  init(_ options: BatchOutputOptions) {
    let path = options.outputDir
    self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    suffix = options.format == .flac ? ".flac" : ".wav"
  }

  /// - Throws: where it cannot be made.
  func make() throws(FoleyError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .cannotCreate(file: path, reason: error.localizedDescription)
    }
  }

  /// The path of an item's sound.
  func sound(of item: BatchItem) -> String {
    path + "/" + item.place + (item.plan == nil ? suffix : FilmPart.suffix)
  }

  /// Makes the folder of an item's outputs, which the manifest may have named.
  ///
  /// - Throws: where a link leads out of the output folder.
  func makeFolder(of item: BatchItem) throws(FoleyError) {
    let sound = sound(of: item)
    let folder = (sound as NSString).deletingLastPathComponent
    guard
      let root = realpath(path, nil).map({ text in
        defer { free(text) }
        return String(cString: text)
      })
    else { throw .cannotCreate(file: path, reason: "is no longer there") }
    // Part by part, so that nothing is made behind a link.
    var place = path
    for part in folder.dropFirst(path.count).split(separator: "/") {
      place += "/" + part
      if mkdir(place, 0o777) != 0 && errno != EEXIST {
        throw .cannotCreate(file: place, reason: String(cString: strerror(errno)))
      }
      try requireInside(place, root, sound)
    }
    var status = stat()
    if lstat(sound, &status) == 0, status.st_mode & S_IFMT == S_IFLNK {
      throw .cannotCreate(file: sound, reason: "is a link; a batch does not write through links")
    }
  }

  private func requireInside(
    _ place: String, _ root: String, _ file: String
  ) throws(FoleyError) {
    let real = realpath(place, nil).map { text in
      defer { free(text) }
      return String(cString: text)
    }
    guard let real, real.hasPrefix(root == "/" ? root : root + "/") else {
      throw .cannotCreate(file: file, reason: "a link leads out of the output folder")
    }
  }
}
