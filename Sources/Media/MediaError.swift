import CMedia
import Foundation

/// Why a file cannot be read or written: always the file and the cause.
public enum MediaError: Error, Equatable, Sendable {
  case notFound(file: String)
  case permissionDenied(file: String)
  case isDirectory(file: String)
  /// The file is there, but reading it fails.
  case unreadable(file: String, reason: String)
  case notMedia(file: String, reason: String)
  /// Not a file of sound.
  case notSound(file: String, reason: String)
  /// A media file without video; `found` says what it holds instead.
  case noVideoStream(file: String, found: String)
  case unsupportedCodec(file: String, codec: String)
  /// There is a video stream, but not one frame of it can be decoded.
  case noFrames(file: String, reason: String)
  /// A picture in a form that cannot be converted.
  case unsupportedPicture(file: String, reason: String)
  /// The chosen range holds no frame of the video.
  case emptyRange(file: String, start: Double, duration: Double)
  /// The output cannot be created: no such folder, no permission, no such format.
  case cannotCreate(file: String, reason: String)
  /// Writing failed half-way: disk full, device gone.
  case cannotWrite(file: String, reason: String)
  /// Another process writes the same output.
  case busy(file: String)
  /// No memory is left to go on with this file.
  case outOfMemory(file: String)

  /// The file the error is about, as the user named it.
  public var file: String {
    switch self {
    case .notFound(let file), .permissionDenied(let file), .isDirectory(let file),
      .unreadable(let file, _), .notMedia(let file, _), .notSound(let file, _),
      .noVideoStream(let file, _),
      .unsupportedCodec(let file, _), .noFrames(let file, _), .unsupportedPicture(let file, _),
      .emptyRange(let file, _, _), .cannotCreate(let file, _), .cannotWrite(let file, _),
      .busy(let file), .outOfMemory(let file):
      file
    }
  }

  /// The process exit code for this error, from sysexits.h.
  public var exitCode: Int32 {
    switch self {
    case .notFound, .permissionDenied, .isDirectory, .unreadable: 66
    case .notMedia, .notSound, .noVideoStream, .unsupportedCodec, .noFrames, .unsupportedPicture: 65
    case .emptyRange: 65
    case .cannotCreate: 73
    case .cannotWrite: 74
    case .busy, .outOfMemory: 75
    }
  }
}

extension MediaError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notFound(let file): "\(file): no such file"
    case .permissionDenied(let file): "\(file): permission to read it is denied"
    case .isDirectory(let file): "\(file): is a folder, expected a video file"
    case .unreadable(let file, let reason): "\(file): cannot be read: \(reason)"
    case .notMedia(let file, let reason): "\(file): not a video file: \(reason)"
    case .notSound(let file, let reason): "\(file): not a sound file: \(reason)"
    case .noVideoStream(let file, let found): "\(file): has no video stream, only \(found)"
    case .unsupportedCodec(let file, let codec):
      "\(file): the installed FFmpeg cannot decode '\(codec)'"
    case .noFrames(let file, let reason): "\(file): no frame can be decoded: \(reason)"
    case .unsupportedPicture(let file, let reason):
      "\(file): a frame cannot be converted: \(reason)"
    case .emptyRange(let file, let start, let duration):
      "\(file): the range starts at \(MediaError.format(start)) s, "
        + "but the video ends at \(MediaError.format(duration)) s"
    case .cannotCreate(let file, let reason): "\(file): cannot be created: \(reason)"
    case .cannotWrite(let file, let reason): "\(file): writing failed: \(reason)"
    case .busy(let file): "\(file): another process is writing this file"
    case .outOfMemory(let file): "\(file): out of memory"
    }
  }

  static func format(_ seconds: Double) -> String { String(format: "%.3f", seconds) }

  /// The system's words for an `errno`.
  static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }

  /// FFmpeg's words for one of its errors.
  static func ffmpegReason(_ error: Int32) -> String {
    var text = [CChar](repeating: 0, count: 384)
    media_error_text(error, &text, text.count)
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// FFmpeg's error of reading `file`.
  static func reading(_ file: String, ffmpeg error: Int32) -> MediaError {
    media_error_number(error) == ENOMEM
      ? .outOfMemory(file: file) : .unreadable(file: file, reason: ffmpegReason(error))
  }

  /// An error of opening or reading `file` with this `errno`.
  static func reading(_ file: String, _ number: Int32) -> MediaError {
    switch number {
    case ENOENT, ENOTDIR: .notFound(file: file)
    case EACCES, EPERM: .permissionDenied(file: file)
    case EISDIR: .isDirectory(file: file)
    case ENOMEM: .outOfMemory(file: file)
    default: .unreadable(file: file, reason: reason(number))
    }
  }
}

/// Something wrong with a file that did not stop the work.
public enum MediaWarning: Equatable, Sendable {
  /// The stream cannot be decoded from its first packet; the clock starts this much later
  /// (seconds).
  case brokenStart(skipped: Double)
  /// Damaged packets or frames, hidden by the decoder or left out.
  case damaged(count: Int)
  /// The video ends before its header says (both in seconds).
  case truncated(end: Double, stated: Double)
  /// Reading stopped before the end of the file.
  case readError(reason: String)
  /// Frames with a repeated or implausible time, which got one from the frame rate.
  case repairedTimes(count: Int)
}

extension MediaWarning: CustomStringConvertible {
  public var description: String {
    switch self {
    case .brokenStart(let skipped):
      "the first \(MediaError.format(skipped)) s cannot be decoded and are left out"
    case .damaged(let count):
      "\(count) damaged \(count == 1 ? "packet or frame" : "packets or frames")"
    case .truncated(let end, let stated):
      "the video ends at \(MediaError.format(end)) s, its header says "
        + "\(MediaError.format(stated)) s; the file may be cut off"
    case .readError(let reason): "reading stopped early: \(reason)"
    case .repairedTimes(let count):
      "\(count) \(count == 1 ? "frame has" : "frames have") no usable time; "
        + "the frame rate's was taken"
    }
  }
}
