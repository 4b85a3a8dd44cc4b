import Testing

@testable import Imaging

/// Resizing as its definition has it: two passes over whole pictures, one value at a time.
private struct PlainResizer {
  let filter: ResampleFilter
  let size: PixelSize
  let whole: PixelSize

  /// [height][width][3]
  typealias Pixels = [[[Int]]]

  func callAsFunction(_ pixels: Pixels) -> Pixels {
    let vertical =
      filter == .pillowBilinear && size.height - whole.height > 2 * max(0, size.width - whole.width)
    return vertical ? across(down(pixels)) : down(across(pixels))
  }

  private func across(_ pixels: Pixels) -> Pixels {
    pixels.map { resample($0, to: whole.width) }
  }

  private func down(_ pixels: Pixels) -> Pixels {
    transposed(transposed(pixels).map { resample($0, to: whole.height) })
  }

  private func transposed(_ pixels: Pixels) -> Pixels {
    pixels[0].indices.map { x in pixels.map { $0[x] } }
  }

  /// One line of pixels.
  private func resample(_ line: [[Int]], to count: Int) -> [[Int]] {
    let ratio = Double(line.count) / Double(count)
    let reduction = max(1, ratio)
    let reach = reduction * (filter == .pillowBilinear ? 1 : 2)
    var tables: [(first: Int, weights: [Double])] = []
    for index in 0..<count {
      let centre = (Double(index) + 0.5) * ratio
      let first = max(0, Int(centre - reach + 0.5))
      let last = min(line.count, Int(centre + reach + 0.5))
      let weights = (first..<last).map { kernel((Double($0) - centre + 0.5) * (1 / reduction)) }
      tables.append((first, weights.map { $0 / weights.reduce(0, +) }))
    }
    var bits = 22
    if filter == .torchBicubic {
      let largest = tables.flatMap(\.weights).max()!
      while Int(0.5 + largest * Double(1 << bits)) >= 1 << 15 { bits -= 1 }
    }
    return tables.map { first, weights in
      (0..<3).map { channel in
        var sum = 1 << (bits - 1)
        for (tap, weight) in weights.enumerated() {
          let fixed = weight * Double(1 << bits)
          sum += line[first + tap][channel] * Int(fixed.rounded(.toNearestOrAwayFromZero))
        }
        return min(255, max(0, sum >> bits))
      }
    }
  }

  private func kernel(_ distance: Double) -> Double {
    let x = abs(distance)
    if filter == .pillowBilinear { return max(0, 1 - x) }
    if x < 1 { return 1.5 * x * x * x - 2.5 * x * x + 1 }
    return x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0
  }
}

/// A picture of noise between black and white, so that cubic kernels overshoot.
private func noise(_ size: PixelSize) -> [UInt8] {
  var state: UInt64 = 88_172_645_463_325_252
  return (0..<3 * size.width * size.height).map { _ in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state & 3 == 0 ? 0 : state & 3 == 1 ? 255 : UInt8(truncatingIfNeeded: state >> 32)
  }
}

private func nested(_ bytes: [UInt8], _ size: PixelSize) -> [[[Int]]] {
  (0..<size.height).map { y in
    (0..<size.width).map { x in
      (0..<3).map { Int(bytes[3 * (y * size.width + x) + $0]) }
    }
  }
}

private func flat(_ pixels: [[[Int]]]) -> [UInt8] {
  pixels.flatMap { $0.flatMap { $0.map { UInt8($0) } } }
}

@Suite struct ResizerTests {
  /// Single pixels, lines, portraits narrow and wide, enlargement, one side kept, reduction by large and
  /// by odd factors.
  private static let cases: [(from: PixelSize, to: PixelSize)] = [
    (1, 1, 5, 3), (1, 7, 4, 4), (9, 1, 4, 6), (3, 200, 20, 20), (30, 61, 20, 20),
    (31, 43, 20, 20), (20, 50, 20, 20), (50, 20, 20, 20), (7, 5, 40, 33), (64, 36, 64, 36),
    (481, 27, 50, 9), (100, 180, 13, 14), (3840, 2, 512, 5), (2, 2160, 5, 51),
  ].map { (PixelSize(width: $0.0, height: $0.1), PixelSize(width: $0.2, height: $0.3)) }

  @Test(arguments: [ResampleFilter.pillowBilinear, .torchBicubic])
  func agreesWithThePlainOne(filter: ResampleFilter) {
    for (size, whole) in ResizerTests.cases {
      let picture = noise(size)
      let expected = flat(
        PlainResizer(filter: filter, size: size, whole: whole)(nested(picture, size)))
      for (level, kernels) in PictureResizer.allKernels.enumerated() {
        let resizer = PictureResizer(
          filter, from: size, to: whole, columns: nil, rows: nil, kernels: kernels)
        let found = resizer(picture.span.bytes, stride: 3 * size.width)
        #expect(found == expected, "\(size) to \(whole), level \(level)")
      }
    }
  }

  /// Of a cut only what is wanted is computed, and it is the same.
  @Test(arguments: [ResampleFilter.pillowBilinear, .torchBicubic])
  func cutsAreParts(filter: ResampleFilter) {
    for size in [PixelSize(width: 97, height: 61), PixelSize(width: 61, height: 197)] {
      let whole = PixelSize(width: 48, height: 40)
      let picture = noise(size)
      let all = PictureResizer(filter, from: size, to: whole)(
        picture.span.bytes, stride: 3 * size.width)
      let part = PictureResizer(filter, from: size, to: whole, columns: 11..<30, rows: 5..<39)
      #expect(part.output == PixelSize(width: 19, height: 34))
      let expected = (5..<39).flatMap { row in
        let start = 3 * (row * whole.width + 11)
        return Array(all[start..<start + 3 * 19])
      }
      let found = part(picture.span.bytes, stride: 3 * size.width)
      #expect(found == expected)
    }
  }

  /// What lies between the rows is not looked at, and the last row may end the memory.
  @Test(arguments: [ResampleFilter.pillowBilinear, .torchBicubic])
  func rowsMayLieApart(filter: ResampleFilter) {
    for size in [PixelSize(width: 33, height: 17), PixelSize(width: 5, height: 90)] {
      let (picture, resizer) = (
        noise(size), PictureResizer(filter, from: size, to: PixelSize(width: 9, height: 9))
      )
      let width = 3 * size.width
      var apart: [UInt8] = []
      for row in 0..<size.height {
        if row > 0 { apart += [UInt8](repeating: 255, count: 7) }
        apart += picture[row * width..<(row + 1) * width]
      }
      let found = resizer(apart.span.bytes, stride: width + 7)
      let expected = resizer(picture.span.bytes, stride: width)
      #expect(found == expected)
    }
  }

  /// Preparing frames one by one, of changing sizes, gives what each size's own resizer gives.
  @Test func preparation() {
    for recipe in [
      PicturePreparation.Recipe.stretched(side: 16), .centreCropped(side: 16),
    ] {
      var prepare = PicturePreparation(recipe)
      for (width, height) in [(40, 25), (40, 25), (25, 40), (3, 3), (1, 90), (90, 1), (16, 16)] {
        let size = PixelSize(width: width, height: height)
        let picture = noise(size)
        let found = prepare(picture.span.bytes, size: size)
        #expect(found.count == 3 * 16 * 16)
        let expected = recipe.resizer(from: size)(picture.span.bytes, stride: 3 * width)
        #expect(found == expected)
        if width == 16 && height == 16 { #expect(found == picture) }
      }
    }
  }

  /// The longer side is rounded down, and half a pixel goes to the even side: 27 x 16 keeps columns from
  /// 5.5, that is 6, on; 25 x 16 from 4.5, that is 4, on.
  @Test func centres() {
    for (width, start) in [(27, 6), (25, 4), (26, 5), (16, 0)] {
      let size = PixelSize(width: width, height: 16)
      let picture = noise(size)
      let found = PicturePreparation.Recipe.centreCropped(side: 16).resizer(from: size)(
        picture.span.bytes, stride: 3 * width)
      let expected = (0..<16).flatMap { row in
        let first = 3 * (row * width + start)
        return Array(picture[first..<first + 3 * 16])
      }
      #expect(found == expected, "\(width)")
    }
  }
}
