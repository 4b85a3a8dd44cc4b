/// What a window takes over from the one before it.
///
/// The last two seconds of a window are the first two of the next. There the sampler is held to the
/// latents already made: fully during the first second, then ever less, so that the sound goes on as
/// it was and no seam is heard. Nothing is averaged in the waveform, which would dull it.
public struct Continuation: Sendable {
  /// Latents of the overlap, [rows, channels], row-major.
  public let latents: [Float]
  /// How strongly each row is held: 1 kept as it is, 0 free.
  public let weights: [Float]

  /// The overlap that `window` ([latentsPerWindow, channels], row-major) leaves to the next.
  public init(after window: [Float], channels: Int) {
    precondition(window.count == WindowPlan.latentsPerWindow * channels)
    latents = Array(window[(WindowPlan.latentsPerHop * channels)...])
    weights = Continuation.weights
  }

  static let weights: [Float] = {
    let rows = WindowPlan.latentsPerWindow - WindowPlan.latentsPerHop
    let held = rows / 2
    return (0..<rows).map { row in
      row < held ? 1 : 1 - (Float(row - held) + 0.5) / Float(rows - held)
    }
  }()
}
