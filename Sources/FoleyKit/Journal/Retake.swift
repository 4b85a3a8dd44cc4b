/// A part of a sound that is made again with other noise, while all around it stays.
///
/// A window gives the sound of its first six seconds, the last two go on in the next window. So a window is made
/// again if the part reaches into what it gives, or begins so close behind it that the next one would lack
/// what came before. Outside the part it is held to what it was, with a soft edge inside the part.
public struct Retake: Sendable {
  /// In seconds of the sound.
  public let seconds: Range<Double>
  public let seed: UInt64
  /// What is to be heard there; nil: what was asked for before.
  public let prompt: String?
  private let latents: Range<Int>

  /// Latents over which the hold fades at either end of the part, and what a part must have before it.
  static let edge = 10
  static let context = 50

  /// - Throws: `FoleyError.usage` where the part is too short to hold anything.
  public init(_ seconds: Range<Double>, seed: UInt64, prompt: String? = nil) throws(FoleyError) {
    (self.seconds, self.seed, self.prompt) = (seconds, seed, prompt)
    let rate = Double(Clock.latentRate)
    latents =
      Int((seconds.lowerBound * rate).rounded())..<Int((seconds.upperBound * rate).rounded())
    guard latents.count >= 2 * Retake.edge else {
      throw .usage(
        "The part to be made again is too short: at either end 0.2 s fade from the old to the new. "
          + "Give 0.4 s or more.")
    }
  }

  /// What holds a window that is to be made again; nil for one that stays as it is.
  ///
  /// - Parameters:
  ///   - kept: its latents so far, [rows, channels].
  ///   - previous: what the window before leaves to it, where that was made again.
  func hold(
    _ window: WindowMaterial, kept: [Float], channels: Int, after previous: Continuation?
  ) -> Continuation? {
    let given = window.settled + (window.goesOn ? Retake.context : 0)
    let start = window.latents.lowerBound
    guard latents.overlaps(start..<start + given) else { return nil }
    var (known, weights) = (kept, window.latents.map(weight))
    if let previous {
      for row in previous.weights.indices where weights[row] < 1 {
        known.replaceSubrange(
          row * channels..<(row + 1) * channels,
          with: previous.latents[row * channels..<(row + 1) * channels])
        weights[row] = max(weights[row], previous.weights[row])
      }
    }
    return Continuation(latents: known, weights: weights, channels: channels)
  }

  /// 1 outside the part, 0 inside, fading within `edge` latents.
  private func weight(_ latent: Int) -> Float {
    let depth = min(latent - latents.lowerBound, latents.upperBound - 1 - latent)
    return max(0, min(1, 1 - (Float(depth) + 0.5) / Float(Retake.edge)))
  }
}
