import CMedia
import Foundation

struct DecodedFrame {
  let storage: FrameStorage
  let info: media_frame_info
  /// In ticks of the stream's time base; nil where the frame states none.
  let time: Int64?
}

/// Owns the C reader of one file and gives its failures names.
final class Decoder {
  let path: String
  let info: media_info
  private let handle: OpaquePointer

  init(path: String, threads: Int) throws(MediaError) {
    self.path = path
    let url = try Decoder.url(path)
    var handle: OpaquePointer?
    var info = media_info()
    let status = media_open(url, Int32(threads), &handle, &info)
    guard status == 0, let handle else { throw Decoder.error(path, status, info) }
    self.handle = handle
    self.info = info
  }

  deinit { media_close(handle) }

  var counters: media_counters { media_count(handle) }

  func next() throws(MediaError) -> DecodedFrame? {
    var frame: OpaquePointer?
    var info = media_frame_info()
    let status = media_next(handle, &frame, &info)
    guard status >= 0 else { throw .reading(path, ffmpeg: status) }
    guard let frame else { return nil }
    return DecodedFrame(
      storage: FrameStorage(frame), info: info, time: info.time == mediaNoTime ? nil : info.time)
  }

  /// False where the container cannot go there.
  func seek(ticks: Int64) -> Bool { media_seek(handle, ticks) >= 0 }

  func noFrames() -> MediaError {
    let counters = counters
    // A detection that was a guess, and nothing to decode: it was a wrong guess.
    if info.score <= 25 {
      return .notMedia(file: path, reason: "no known format")
    }
    if counters.packets == 0 {
      return .noFrames(
        file: path,
        reason: info.can_seek == 0 && Decoder.isPipe(path)
          ? "the index of its pictures lies at its end, which a pipe cannot be searched for: "
            + "give a file, or one made with -movflags +faststart"
          : "the video stream is empty")
    }
    return .noFrames(
      file: path,
      reason: "\(counters.damaged) of \(counters.packets) packets are damaged")
  }

  private static func isPipe(_ path: String) -> Bool {
    var status = stat()
    return path == "-" || stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
  }

  /// FFmpeg's name for a path, after checks whose errors it would blur.
  static func url(_ path: String) throws(MediaError) -> String {
    if path == "-" { return "pipe:0" }
    var status = stat()
    guard stat(path, &status) == 0 else { throw .reading(path, errno) }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: throw .isDirectory(file: path)
    case S_IFREG:
      guard status.st_size > 0 else { throw .notMedia(file: path, reason: "the file is empty") }
    case S_IFIFO: break
    default: throw .unreadable(file: path, reason: "neither a file nor a pipe")
    }
    guard access(path, R_OK) == 0 else { throw .reading(path, errno) }
    return "file:" + path
  }

  private static func error(_ path: String, _ status: Int32, _ info: media_info) -> MediaError {
    switch status {
    case Int32(MEDIA_NO_VIDEO_STREAM):
      // Noise is taken for sound of some kind before it is taken for nothing.
      if info.score <= 25 { return .notMedia(file: path, reason: "no known format") }
      return string(info.streams) == "other data" || string(info.streams) == "nothing"
        ? .notMedia(file: path, reason: "it holds no picture or sound")
        : .noVideoStream(file: path, found: string(info.streams))
    case Int32(MEDIA_NO_DECODER):
      return .unsupportedCodec(file: path, codec: string(info.codec))
    case Int32(MEDIA_OUT_OF_MEMORY):
      return .outOfMemory(file: path)
    default:
      let number = media_error_number(status)
      return number != 0 && number != EINVAL && number != ENOMEM && number != ERANGE
        ? .reading(path, number)
        : .notMedia(file: path, reason: MediaError.ffmpegReason(status))
    }
  }
}
