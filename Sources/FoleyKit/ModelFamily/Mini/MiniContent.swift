import Motion
import Networks

/// What is to be heard during one window, in the forms the generator was trained on: as a text token,
/// as visual tokens, and beside the motion of each 1/25 s.
///
/// All are the same sentence vectors of unit variance (shorter where little is to be heard), zero where
/// nothing is said.
struct MiniContent {
  private static let width = MiniLM.width

  /// One vector for each 1/25 s.
  private let vectors: [ArraySlice<Float>]

  /// - Parameters:
  ///   - rows: vectors one after another; the last one stands for what is missing. Nil: nothing.
  ///   - rate: how many for each second; nil: the first one holds throughout.
  ///   - frames: of 1/25 s, the window's length.
  init(_ rows: [Float]?, rate: Int?, frames: Int) {
    let rows = rows ?? [Float](repeating: 0, count: MiniContent.width)
    let last = rows.count / MiniContent.width - 1
    vectors = (0..<frames).map { frame in
      let row = rate.map { min(frame * $0 / Clock.syncRate, last) } ?? 0
      return rows[row * MiniContent.width..<(row + 1) * MiniContent.width]
    }
  }

  /// [1, width]: the direction of the mean, at unit variance.
  var text: [Float] {
    var mean = [Float](repeating: 0, count: MiniContent.width)
    for vector in vectors {
      for (channel, value) in vector.enumerated() { mean[channel] += value }
    }
    let length = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return length > 1e-6 ? mean.map { $0 / length * MiniModel.unitVariance } : mean
  }

  /// [tokens, width], `rate` tokens for each second begun: what is heard in the middle of each.
  func visual(rate: Int) -> [Float] {
    let tokens = (vectors.count * rate + Clock.syncRate - 1) / Clock.syncRate
    return (0..<tokens).flatMap { token in
      let middle = Int((Double(token) + 0.5) * Double(Clock.syncRate) / Double(rate))
      return vectors[min(middle, vectors.count - 1)]
    }
  }

  /// [frames, 8 + width]: motion, and beside it what is heard.
  func sync(with motion: [Float]) -> [Float] {
    vectors.enumerated().flatMap { frame, vector in
      motion[frame * SyncFeatures.width..<(frame + 1) * SyncFeatures.width] + vector
    }
  }
}
