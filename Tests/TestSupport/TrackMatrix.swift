import Foundation

/// The matrix of an MP4 or MOV file's first track.
public enum TrackMatrix {
  struct Failure: Error {}

  /// A copy of an MP4 file to be shown turned clockwise by a multiple of 90 degrees. Written into
  /// the file as the format defines it: versions of the tool disagree about the direction of their
  /// options.
  public static func rotate(_ source: String, degrees: Int, into path: String) throws {
    var bytes = try Data(contentsOf: URL(fileURLWithPath: source))
    guard let header = bytes.range(of: Data("tkhd".utf8)) else {
      throw Failure()
    }
    let one: Int32 = 1 << 16
    let corner: (a: Int32, b: Int32, c: Int32, d: Int32) =
      switch degrees {
      case 90: (0, one, -one, 0)
      case 180: (-one, 0, 0, -one)
      case 270: (0, -one, one, 0)
      default: (one, 0, 0, one)
      }
    let matrix = [corner.a, corner.b, 0, corner.c, corner.d, 0, 0, 0, 1 << 30]
    let start = header.upperBound + 40
    bytes.replaceSubrange(
      start..<start + 36,
      with: matrix.flatMap { value in withUnsafeBytes(of: value.bigEndian) { Array($0) } })
    try bytes.write(to: URL(fileURLWithPath: path))
  }
}
