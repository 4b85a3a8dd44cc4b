import Foundation

/// Samples that lie on the disk while they are worked upon: a file without a name, which is gone when the program is,
/// however it ends. Memory does not depend on how many there are.
public final class SampleStore {
  /// The file that is to come of it, for errors.
  private let output: String
  public let channels: Int
  /// Samples of each channel.
  public var frames: Int { count / channels }
  private let descriptor: Int32
  private var count = 0

  /// - Parameters:
  ///   - output: the file for which the samples are kept; they lie in its folder.
  ///   - channels: 1 or more, interleaved.
  /// - Throws: `MediaError.cannotCreate`
  public init(for output: String, channels: Int = 1) throws(MediaError) {
    precondition(channels > 0)
    (self.output, self.channels) = (output, channels)
    let isStream = output == "-" || AtomicFile.isStream(output)
    let folder =
      isStream
      ? FileManager.default.temporaryDirectory.path : (output as NSString).deletingLastPathComponent
    descriptor = SampleStore.open(folder.isEmpty ? "." : folder)
    guard descriptor >= 0 else { throw AtomicFile.creating(output, errno) }
  }

  deinit { close(descriptor) }

  /// Some file systems know no files without a name: there it is made with one, which is taken away at once.
  private static func open(_ folder: String) -> Int32 {
    // O_TMPFILE, whose macro Swift cannot import: 020000000 | O_DIRECTORY.
    let nameless = Glibc.open(folder, 0o20_000_000 | O_DIRECTORY | O_RDWR | O_CLOEXEC, 0o600)
    if nameless >= 0 { return nameless }
    guard errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL else {
      return -1
    }
    var template = Array((folder + "/.foley-XXXXXX").utf8CString)
    let named = mkstemp(&template)
    if named >= 0 { unlink(template) }
    return named
  }

  /// Appends interleaved samples.
  public func append(_ samples: [Float]) throws(MediaError) {
    precondition(samples.count % channels == 0, "samples of all channels belong together")
    let failure = samples.withUnsafeBytes { writeAll(descriptor, $0) }
    guard failure == 0 else {
      throw .cannotWrite(file: output, reason: MediaError.reason(failure))
    }
    count += samples.count
  }

  /// Interleaved samples from a frame on; fewer than asked for only at the end, none beyond it.
  public func read(from frame: Int, frames: Int) throws(MediaError) -> [Float] {
    let wanted = max(0, min(frames, self.frames - frame)) * channels
    var failure: Int32 = 0
    let samples = [Float](unsafeUninitializedCapacity: wanted) { buffer, initialized in
      let bytes = UnsafeMutableRawBufferPointer(buffer)
      var done = 0
      while done < wanted * 4 {
        let got = pread(
          descriptor, bytes.baseAddress! + done, wanted * 4 - done,
          off_t(frame * channels * 4 + done))
        if got < 0 && errno == EINTR { continue }
        guard got > 0 else {
          failure = got < 0 ? errno : EIO
          break
        }
        done += got
      }
      initialized = done / 4
    }
    guard failure == 0 else {
      throw .cannotWrite(file: output, reason: MediaError.reason(failure))
    }
    return samples
  }
}
