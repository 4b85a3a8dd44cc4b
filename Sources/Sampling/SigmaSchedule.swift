/// The noise levels a run passes through, from at most 1 (noise alone) down to 0 (the sound).
public struct SigmaSchedule: Sendable, Hashable {
  /// One more than there are steps; strictly falling; the last is 0.
  public let sigmas: [Float]

  /// Evenly spaced from 1 to 0, then shifted: `s·sigma / (1 + (s - 1)·sigma)`.
  ///
  /// - Parameter shift: positive; above 1 spends more steps at high noise, below 1 at low noise.
  /// - Throws: `SamplingError.invalidSchedule` for fewer than one step or a shift that is not positive.
  public init(steps: Int, shift: Float = 1) throws(SamplingError) {
    guard steps > 0 else { throw .invalidSchedule(reason: "\(steps) steps; at least 1 is needed") }
    guard shift > 0, shift.isFinite else {
      throw .invalidSchedule(reason: "a shift of \(shift); it must be positive")
    }
    // Exact at both ends, and each value correctly rounded.
    let even = (0...steps).map { Float(Double(steps - $0) / Double(steps)) }
    let shifted = shift == 1 ? even : even.map { shift * $0 / (1 + (shift - 1) * $0) }
    try self.init(sigmas: shifted)
  }

  /// Any grid.
  ///
  /// - Throws: `SamplingError.invalidSchedule` unless it falls strictly from at most 1 to exactly 0.
  public init(sigmas: [Float]) throws(SamplingError) {
    guard sigmas.count >= 2 else {
      throw .invalidSchedule(reason: "\(sigmas.count) values; at least 2 are needed")
    }
    guard let first = sigmas.first, first <= 1, sigmas.last == 0 else {
      throw .invalidSchedule(reason: "it must begin at 1 or below and end at 0")
    }
    guard zip(sigmas, sigmas.dropFirst()).allSatisfy({ $0 > $1 }) else {
      throw .invalidSchedule(reason: "it must fall at every step")
    }
    self.sigmas = sigmas
  }

  public var steps: Int { sigmas.count - 1 }

  /// The time a network is told for a noise level.
  public static func time(_ sigma: Float) -> Float { sigma * 1000 }
}
