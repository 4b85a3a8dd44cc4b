import CSndFile
import Foundation

/// Reads a sound file of any kind libsndfile knows (WAVE, RF64, FLAC, AIFF, ...), a piece at a time.
public final class SoundReader {
  public let path: String
  public let sampleRate: Int
  public let channels: Int
  /// Samples of each channel, as the header has it.
  public let frames: Int
  private let handle: OpaquePointer

  /// - Throws: `MediaError` where the file is not there, may not be read, or holds no sound.
  public init(path: String) throws(MediaError) {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .reading(path, errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
      close(descriptor)
      throw .reading(path, EISDIR)
    }
    var info = SF_INFO()
    guard let handle = sf_open_fd(descriptor, Int32(SFM_READ), &info, Int32(SF_TRUE)) else {
      throw .notSound(file: path, reason: String(cString: sf_strerror(nil)))
    }
    self.handle = handle
    (sampleRate, channels, frames) = (Int(info.samplerate), Int(info.channels), Int(info.frames))
  }

  deinit { sf_close(handle) }

  /// The next interleaved samples, full scale 1; empty at the end.
  ///
  /// - Parameter frames: at most so many of each channel.
  public func read(frames: Int) throws(MediaError) -> [Float] {
    var failed = false
    let samples = [Float](unsafeUninitializedCapacity: frames * channels) { buffer, count in
      let read = sf_readf_float(handle, buffer.baseAddress, Int64(frames))
      failed = read < 0 || sf_error(handle) != Int32(SF_ERR_NO_ERROR)
      count = max(0, Int(read)) * channels
    }
    guard !failed else {
      throw .unreadable(file: path, reason: String(cString: sf_strerror(handle)))
    }
    return samples
  }
}
