import CMedia

public enum PictureFormat: Sendable, Hashable {
  /// Brightness, 0 black to 255 white, one byte each.
  case gray8
  /// Red, green, blue, one byte each, full range.
  case rgb24

  public var bytesPerPixel: Int { self == .gray8 ? 1 : 3 }
  var code: Int32 { Int32(self == .gray8 ? MEDIA_GRAY8 : MEDIA_RGB24) }
}

/// How a picture is brought to another shape.
public enum PictureFit: Sendable, Hashable {
  /// Both sides are scaled on their own.
  case stretch
  /// Scaled until it covers, and what stands over is cut off evenly.
  case centreCrop
}

/// Pixels in display orientation, rows packed tightly from the top.
public struct Picture: Sendable, Equatable {
  public let width: Int
  public let height: Int
  public let format: PictureFormat
  public var bytes: [UInt8]

  public init(width: Int, height: Int, format: PictureFormat, bytes: [UInt8]) {
    precondition(
      width > 0 && height > 0 && bytes.count == width * height * format.bytesPerPixel,
      "a picture of \(width) x \(height) needs other than \(bytes.count) bytes")
    self.width = width
    self.height = height
    self.format = format
    self.bytes = bytes
  }
}
