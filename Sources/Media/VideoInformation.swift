import CMedia

/// Facts of a video, from its headers and its first frame.
public struct VideoInformation: Sendable, Equatable {
  /// Short name of the container, as FFmpeg calls it ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm").
  public var container: String
  public var codec: String
  /// Size as displayed: square pixels, after rotation.
  public var width: Int
  public var height: Int
  /// Clockwise rotation already applied to pictures: 0, 90, 180 or 270 degrees.
  public var rotation: Int
  public var pixelFormat: String
  /// Frames per second as the header states it (the average of a variable rate); nil where unknown.
  public var frameRate: Double?
  /// Seconds from the first shown frame to the end, as the headers state it: an estimate, never the
  /// truth (`VideoReader.finalDuration` is). Nil where unknown; 0 for a still picture.
  public var duration: Rational?
  /// Presentation time of the first shown frame in the container's own clock, in seconds.
  public var startTime: Rational
  /// The time of day of the first shown picture, where the file has a time code.
  public var timecode: Timecode?
  public var hasAudio: Bool
  public var audioCodec: String?
  /// A single picture without a clock (PNG, JPEG, ...): one frame, duration 0.
  public var isStill: Bool

  init(_ info: media_info, firstFrame: media_frame_info, firstTime: Int64?) {
    let size = displayedSize(firstFrame)
    container = string(info.container)
    codec = string(info.codec)
    width = size.width
    height = size.height
    rotation = Orientation(firstFrame.orientation).rotation
    pixelFormat = String(cString: firstFrame.pixel_format)
    isStill = info.is_image != 0
    frameRate =
      info.frame_rate_denominator > 0 && !isStill
      ? Double(info.frame_rate_numerator) / Double(info.frame_rate_denominator) : nil
    let timeBase = Rational(info.time_base_numerator, info.time_base_denominator)
    startTime = isStill ? .zero : Rational(firstTime ?? 0) * timeBase
    timecode =
      info.frame_rate_denominator > 0 && info.frame_rate_numerator > 0
      ? Timecode(
        string(info.timecode),
        rate: Rational(info.frame_rate_numerator, info.frame_rate_denominator))
      : nil
    hasAudio = info.has_audio != 0
    audioCodec = hasAudio ? string(info.audio_codec) : nil
    duration =
      isStill ? .zero : VideoInformation.statedDuration(info, firstTime: firstTime, timeBase)
  }

  private static func statedDuration(
    _ info: media_info, firstTime: Int64?, _ timeBase: Rational
  ) -> Rational? {
    if info.duration != mediaNoTime, info.duration > 0 {
      let whole = Rational(info.duration) * timeBase
      guard let firstTime, info.start_time != mediaNoTime else { return whole }
      // A stream whose first frames cannot be decoded is shorter than it says.
      let left = whole + (Rational(info.start_time) - Rational(firstTime)) * timeBase
      return left > .zero ? left : whole
    }
    guard info.container_duration != mediaNoTime, info.container_duration > 0 else { return nil }
    let whole = Rational(info.container_duration, 1_000_000)
    // FFmpeg writes into a Matroska header when the last frame ends, counted from 0.
    guard string(info.container).hasPrefix("matroska"), let firstTime else { return whole }
    let left = whole - Rational(firstTime) * timeBase
    return left > .zero ? left : whole
  }
}

/// MEDIA_NO_TIME, whose macro Swift cannot import.
let mediaNoTime = Int64.min

/// A frame's size in square pixels, after rotation.
func displayedSize(_ frame: media_frame_info) -> (width: Int, height: Int) {
  var width = Int(frame.width)
  let height = Int(frame.height)
  let (n, d) = (Int(frame.aspect_numerator), Int(frame.aspect_denominator))
  // Beyond 1:16 it is a mistake, not a shape of pixels.
  if n > 0, d > 0, n <= 16 * d, d <= 16 * n {
    width = max(1, (width * n * 2 + d) / (2 * d))
  }
  return Orientation(frame.orientation).transposes ? (height, width) : (width, height)
}

/// The text in a C array of characters.
func string<T>(_ characters: T) -> String {
  withUnsafeBytes(of: characters) { bytes in
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}

/// How a stored picture is turned for display: transposed first, mirrored after.
struct Orientation {
  let transposes: Bool
  let mirrorsX: Bool
  let mirrorsY: Bool

  init(_ bits: Int32) {
    transposes = bits & Int32(MEDIA_TRANSPOSE) != 0
    mirrorsX = bits & Int32(MEDIA_MIRROR_X) != 0
    mirrorsY = bits & Int32(MEDIA_MIRROR_Y) != 0
  }

  var isIdentity: Bool { !transposes && !mirrorsX && !mirrorsY }

  /// Clockwise degrees; a mirrored picture counts as the rotation before its left-right mirror.
  var rotation: Int {
    if transposes { return mirrorsX ? 90 : 270 }
    return mirrorsY ? 180 : 0
  }
}
