/// One small grey picture and the time at which it is shown.
///
/// The analyser wants pictures about 160 pixels wide; wider ones are reduced by a whole factor
/// first.
public struct GrayFrame: Sendable {
  /// Seconds from the start of the range, increasing from frame to frame, at any spacing.
  public var time: Double
  public var width: Int
  public var height: Int
  /// Rows from the top, tightly packed, `width * height` values.
  public var pixels: [UInt8]

  public init(time: Double, width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      width > 0 && height > 0 && pixels.count == width * height,
      "\(pixels.count) pixels for a picture of \(width) x \(height)")
    self.time = time
    self.width = width
    self.height = height
    self.pixels = pixels
  }
}
