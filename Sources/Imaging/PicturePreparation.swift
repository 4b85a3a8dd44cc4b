/// Brings frames to the size and cut that a network was trained on. The tables for the size of the last
/// frame are kept, so that a clip costs them once.
public struct PicturePreparation: Sendable {
  /// What is done with a frame.
  public enum Recipe: Sendable, Hashable {
    /// SigLIP2: both sides are stretched to `side`, whatever the shape.
    case stretched(side: Int)
    /// Synchformer: the shorter side becomes `side`, and the middle is kept.
    case centreCropped(side: Int)
  }

  public let recipe: Recipe
  private var resizer: PictureResizer?

  public init(_ recipe: Recipe) { self.recipe = recipe }

  /// - Parameters:
  ///   - pixels: packed red, green, blue bytes; rows begin `stride` bytes apart.
  /// - Returns: [side, side, 3], rows packed tightly.
  public mutating func callAsFunction(
    _ pixels: RawSpan, size: PixelSize, stride: Int? = nil
  ) -> [UInt8] {
    let resizer = resizer.flatMap { $0.input == size ? $0 : nil } ?? recipe.resizer(from: size)
    self.resizer = resizer
    return resizer(pixels, stride: stride ?? 3 * size.width)
  }
}

extension PicturePreparation.Recipe {
  public func resizer(from size: PixelSize) -> PictureResizer {
    switch self {
    case .stretched(let side):
      return PictureResizer(.pillowBilinear, from: size, to: PixelSize(width: side, height: side))
    case .centreCropped(let side):
      let shorter = min(size.width, size.height)
      // The longer side is rounded down.
      let whole = PixelSize(
        width: side * size.width / shorter, height: side * size.height / shorter)
      return PictureResizer(
        .torchBicubic, from: size, to: whole, columns: centre(side, of: whole.width),
        rows: centre(side, of: whole.height))
    }
  }

  /// The middle `side` of `length` pixels; an odd pixel goes where Python's rounding of halves to even
  /// numbers puts it.
  private func centre(_ side: Int, of length: Int) -> Range<Int> {
    let start = Int((Double(length - side) / 2).rounded(.toNearestOrEven))
    return start..<start + side
  }
}
