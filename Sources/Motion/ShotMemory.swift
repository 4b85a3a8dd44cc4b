/// Tells a cut to another place from a cut back to one that was on show a moment ago, as in a
/// conversation that is filmed from two sides.
///
/// It keeps the last picture of the latest shots, very small and without brightness and contrast.
struct ShotMemory: Sendable {
  private static let shots = 6
  private static let columns = 16
  private static let rows = 9
  /// Correlation from which two small pictures are of one place.
  private static let likeness: Float = 0.8

  private var pictures: [[Float]] = []

  /// Whether the first picture of a shot shows another place than the shots before it.
  ///
  /// - Parameter last: the last picture of the shot that ended.
  mutating func isNewPlace(_ first: PreparedFrame, after last: PreparedFrame?) -> Bool {
    if let last {
      pictures.append(Self.small(last.quarter))
      if pictures.count > Self.shots { pictures.removeFirst() }
    }
    let picture = Self.small(first.quarter)
    return !pictures.contains { seen in
      zip(seen, picture).reduce(0) { $0 + $1.0 * $1.1 } > Self.likeness
    }
  }

  /// Means of 16 x 9 parts, of mean 0 and length 1; zeros for a picture without any contrast, which is
  /// like no other.
  private static func small(_ plane: Plane) -> [Float] {
    var values = [Float](repeating: 0, count: columns * rows)
    var counts = values
    for y in 0..<plane.height {
      let row = y * rows / plane.height
      for x in 0..<plane.width {
        let place = row * columns + x * columns / plane.width
        values[place] += Float(plane.pixels[y * plane.width + x])
        counts[place] += 1
      }
    }
    for place in values.indices { values[place] /= max(1, counts[place]) }
    let mean = values.reduce(0, +) / Float(values.count)
    for place in values.indices { values[place] -= mean }
    let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return length > 1 ? values.map { $0 / length } : [Float](repeating: 0, count: values.count)
  }
}
