/// Level -> colour for spectrograms: from near black through violet, red and amber to a pale cream, the
/// lightness rising evenly, so that equal steps in level look equal.
struct ColourMap: Sendable {
  private let table: [Colour]

  /// Colours at even steps from the quietest to the loudest.
  private static let stops: [Colour] = [
    Colour(0x0B0D14), Colour(0x191432), Colour(0x36185A), Colour(0x5B1D6E), Colour(0x83266D),
    Colour(0xAB3161), Colour(0xCF444E), Colour(0xE96138), Colour(0xF88A2B), Colour(0xFDB642),
    Colour(0xFCDD7C), Colour(0xFBF7CF),
  ]

  init() {
    let stops = ColourMap.stops
    table = (0..<512).map { index in
      let place = Float(index) / 511 * Float(stops.count - 1)
      let lower = min(Int(place), stops.count - 2)
      return stops[lower].mixed(with: stops[lower + 1], place - Float(lower))
    }
  }

  /// `level` 0...1, held within.
  subscript(level: Float) -> Colour {
    table[Int(min(max(level, 0), 1) * Float(table.count - 1) + 0.5)]
  }
}
