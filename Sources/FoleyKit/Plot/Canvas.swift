import Foundation

/// A colour in display (sRGB) values, 0...1.
public struct Colour: Sendable, Hashable {
  public var red, green, blue: Float

  public init(_ red: Float, _ green: Float, _ blue: Float) {
    (self.red, self.green, self.blue) = (red, green, blue)
  }

  /// From a number such as 0xF2B84B.
  public init(_ hex: UInt32) {
    self.init(
      Float(hex >> 16 & 255) / 255, Float(hex >> 8 & 255) / 255, Float(hex & 255) / 255)
  }

  func mixed(with other: Colour, _ share: Float) -> Colour {
    Colour(
      red + (other.red - red) * share, green + (other.green - green) * share,
      blue + (other.blue - blue) * share)
  }
}

/// A picture of 8-bit red, green, blue that is drawn on; (0, 0) is the upper left corner, and pixel x
/// covers x ..< x + 1.
public struct Canvas: Sendable {
  public let width: Int
  public let height: Int
  /// Rows from the top, three bytes a pixel.
  public private(set) var rgb: [UInt8]

  public init(width: Int, height: Int, background: Colour) {
    precondition(width > 0 && height > 0)
    self.width = width
    self.height = height
    let bytes = [background.red, background.green, background.blue].map(Canvas.byte)
    rgb = [UInt8](repeating: 0, count: width * height * 3)
    for index in rgb.indices { rgb[index] = bytes[index % 3] }
  }

  private static func byte(_ value: Float) -> UInt8 { UInt8(min(max(value, 0), 1) * 255 + 0.5) }

  /// Lays a colour over one pixel; outside the picture nothing happens.
  mutating func blend(_ x: Int, _ y: Int, _ colour: Colour, _ alpha: Float = 1) {
    guard x >= 0, y >= 0, x < width, y < height, alpha > 0 else { return }
    let place = (y * width + x) * 3
    let share = min(alpha, 1)
    func over(_ old: UInt8, _ new: Float) -> UInt8 {
      let before = Float(old) / 255
      return Canvas.byte(before + (new - before) * share)
    }
    rgb[place] = over(rgb[place], colour.red)
    rgb[place + 1] = over(rgb[place + 1], colour.green)
    rgb[place + 2] = over(rgb[place + 2], colour.blue)
  }

  mutating func fill(
    x: Range<Int>, y: Range<Int>, _ colour: Colour, _ alpha: Float = 1
  ) {
    for row in y { for column in x { blend(column, row, colour, alpha) } }
  }

  /// One column of pixels from `top` to `bottom`, whose ends may lie inside a pixel.
  mutating func column(
    _ x: Int, from top: Float, to bottom: Float, _ colour: Colour, _ alpha: Float = 1
  ) {
    guard bottom > top else { return }
    for y in max(0, Int(top.rounded(.down)))..<min(height, max(0, Int(bottom.rounded(.up)))) {
      let covered = min(bottom, Float(y + 1)) - max(top, Float(y))
      blend(x, y, colour, alpha * covered)
    }
  }

  /// A vertical line one pixel wide (or `thickness`), centred on a place that may lie between pixels.
  mutating func verticalLine(
    _ x: Float, from top: Int, to bottom: Int, _ colour: Colour, _ alpha: Float = 1,
    thickness: Float = 1
  ) {
    let (left, right) = (x - thickness / 2, x + thickness / 2)
    for column in Int(left.rounded(.down))..<Int(right.rounded(.up)) {
      let covered = min(right, Float(column + 1)) - max(left, Float(column))
      for y in top..<bottom { blend(column, y, colour, alpha * covered) }
    }
  }

  /// A line with round ends; the distance of each pixel's centre decides how much of it is covered.
  mutating func stroke(
    _ points: [(x: Float, y: Float)], _ colour: Colour, _ alpha: Float = 1, thickness: Float
  ) {
    guard let first = points.first else { return }
    let radius = thickness / 2
    var (left, right, top, bottom) = (first.x, first.x, first.y, first.y)
    for point in points {
      (left, right) = (min(left, point.x), max(right, point.x))
      (top, bottom) = (min(top, point.y), max(bottom, point.y))
    }
    let reach = radius + 1
    for y in Int((top - reach).rounded(.down))...Int((bottom + reach).rounded(.up)) {
      for x in Int((left - reach).rounded(.down))...Int((right + reach).rounded(.up)) {
        var nearest = Float.infinity
        for index in 0..<max(1, points.count - 1) {
          let end = points[min(index + 1, points.count - 1)]
          nearest = min(
            nearest, Canvas.distance(Float(x) + 0.5, Float(y) + 0.5, points[index], end))
        }
        blend(x, y, colour, alpha * min(1, max(0, radius + 0.5 - nearest)))
      }
    }
  }

  private static func distance(
    _ x: Float, _ y: Float, _ a: (x: Float, y: Float), _ b: (x: Float, y: Float)
  ) -> Float {
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    let length = dx * dx + dy * dy
    let along = length > 0 ? min(1, max(0, ((x - a.x) * dx + (y - a.y) * dy) / length)) : 0
    let (ex, ey) = (x - a.x - along * dx, y - a.y - along * dy)
    return (ex * ex + ey * ey).squareRoot()
  }
}
