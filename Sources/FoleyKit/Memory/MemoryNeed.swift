/// Memory a run of a model takes beside the pictures of its clip, in bytes; estimates on the safe side.
public struct MemoryNeed: Sendable, Equatable {
  /// Where every network stays in memory once it has been read.
  public var whole: Int
  /// Where networks make room for one another: the least budget that is accepted.
  public var least: Int

  /// Pictures that a decoder, usually, and what looks at them hold at a time.
  private static let pictures = 8

  /// What a clip's pictures take.
  public static func ofPictures(width: Int, height: Int) -> Int {
    // Luma and two quarters of chroma, up to 16 bits each.
    width * height * 3 * pictures
  }

  public init(whole: Int, least: Int) {
    self.whole = whole
    self.least = least
  }

  /// - Parameter stages: weights and work of each network, of which one computes at a time.
  init(stages: [(weights: Int, work: Int)]) {
    let work = stages.map(\.work).max() ?? 0
    whole = MemoryBudget.reserve + stages.reduce(work) { $0 + $1.weights }
    least = MemoryBudget.reserve + (stages.map { $0.weights + $0.work }.max() ?? 0)
  }
}
