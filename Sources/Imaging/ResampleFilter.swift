/// How a picture is resampled. Every kind widens its kernel by the reduction (so that nothing is
/// skipped), works on bytes in whole numbers, in two passes of which each rounds to bytes again, and
/// reproduces a library to the bit: networks saw such pictures when they were trained.
public enum ResampleFilter: Sendable, Hashable {
  /// A triangle, as Pillow 13 resizes: weights of 22 bits, and the vertical pass first where that
  /// is less work for it.
  case pillowBilinear
  /// A cubic with a = -1/2, as torchvision resizes byte tensors: weights of 16 bits, the sign
  /// included, the horizontal pass always first.
  case torchBicubic

  /// How far the kernel reaches to each side, in pixels of the smaller picture.
  var support: Double {
    switch self {
    case .pillowBilinear: 1
    case .torchBicubic: 2
    }
  }

  /// The kernel, not normalised.
  func callAsFunction(_ distance: Double) -> Double {
    let x = abs(distance)
    switch self {
    case .pillowBilinear: return x < 1 ? 1 - x : 0
    case .torchBicubic:
      let a = -0.5
      if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
    }
  }

  /// Bits of the fraction of weights none of which exceeds `largest`.
  func fractionBits(largest: Double) -> Int {
    switch self {
    case .pillowBilinear: 22
    case .torchBicubic:
      // The most with which the largest weight still fits 16 bits with sign.
      (1...22).last { Int(0.5 + largest * Double(1 << $0)) < 1 << 15 } ?? 1
    }
  }

  /// Whether the vertical pass comes first. Pillow 13 orders them so where the height loses more than
  /// twice the rows that the width loses columns (found by trying sizes; earlier versions never do).
  func isVerticalFirst(from: PixelSize, to: PixelSize) -> Bool {
    switch self {
    case .pillowBilinear: from.height - to.height > 2 * max(0, from.width - to.width)
    case .torchBicubic: false
    }
  }
}

/// Width and height of a picture.
public struct PixelSize: Sendable, Hashable {
  public var width: Int
  public var height: Int

  public init(width: Int, height: Int) {
    precondition(width > 0 && height > 0, "a picture of \(width) x \(height) pixels")
    self.width = width
    self.height = height
  }
}
