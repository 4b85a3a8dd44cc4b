import Foundation

/// Raises the beginning of a stream from silence and lowers its end to it, along half a cosine.
public struct EdgeFade: Sendable {
  private let total: Int
  private let rise: Int
  private let fall: Int
  private var place = 0

  /// - Parameters:
  ///   - total: samples of the whole stream.
  ///   - rise, fall: samples that the fades last; shortened in proportion where the stream is shorter.
  public init(total: Int, rise: Int, fall: Int) {
    precondition(total >= 0 && rise >= 0 && fall >= 0)
    let share = min(1, Double(total) / Double(max(1, rise + fall)))
    self.total = total
    self.rise = Int(Double(rise) * share)
    self.fall = Int(Double(fall) * share)
  }

  /// Takes the next samples of the stream.
  public mutating func process(_ samples: [Float]) -> [Float] {
    precondition(place + samples.count <= total, "more samples than the \(total) announced")
    defer { place += samples.count }
    if place >= rise && place + samples.count <= total - fall { return samples }
    return samples.enumerated().map { index, sample in
      let fromStart = place + index
      let toEnd = total - 1 - fromStart
      var gain: Float = 1
      if fromStart < rise { gain *= EdgeFade.level(fromStart, of: rise) }
      if toEnd < fall { gain *= EdgeFade.level(toEnd, of: fall) }
      return sample * gain
    }
  }

  private static func level(_ step: Int, of length: Int) -> Float {
    Float(0.5 - 0.5 * cos(Double.pi * (Double(step) + 0.5) / Double(length)))
  }
}
