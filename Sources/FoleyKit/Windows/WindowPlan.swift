import Media

/// How a clip is cut into windows of eight seconds that start every six.
///
/// Each window begins with two seconds the one before has already made: the first of them is kept as
/// it is, the second fades from kept to free. So a window adds six seconds to the sound, the first
/// one eight. The last window, which may be the only one, is as much shorter as the model can do
/// (`LastWindow`); what of it reaches past the end of the clip is cut. Where the sound begins anew inside the clip
/// (`SceneBreaks`), each scene is cut like a clip of its own.
public struct WindowPlan: Sendable, Equatable {
  /// Seconds of a window: what the models are trained on.
  public static let length = 8
  /// Seconds from one window's start to the next one's.
  public static let hop = 6
  public static let latentsPerWindow = length * Clock.latentRate
  public static let latentsPerHop = hop * Clock.latentRate

  /// Length of the whole sound in samples.
  public let samples: Int

  public init(samples: Int) {
    precondition(samples > 0, "a sound of \(samples) samples")
    self.samples = samples
  }

  /// The plan for a clip of so many seconds: its length in samples is exact, and at least 1.
  public init(duration: Rational) {
    self.init(samples: max(1, duration.scaled(to: Clock.sampleRate)))
  }

  public var seconds: Double { Double(samples) / Double(Clock.sampleRate) }

  /// Latents that hold the whole sound; the last one may be part used.
  public var latents: Int {
    (samples + Clock.samplesPerLatent - 1) / Clock.samplesPerLatent
  }

  /// Number of windows, where no scene but one is seen.
  public var count: Int {
    let beyondFirst = max(0, latents - WindowPlan.latentsPerWindow)
    return 1 + (beyondFirst + WindowPlan.latentsPerHop - 1) / WindowPlan.latentsPerHop
  }
}

/// Lengths of the last window that a model can do.
public struct LastWindow: Sendable, Equatable {
  /// Latents of a window come in groups of so many.
  public var granularity: Int
  /// Latents of the shortest window.
  public var shortest: Int

  public init(granularity: Int, shortest: Int) {
    self.granularity = granularity
    self.shortest = shortest
  }

  /// Latents to compute where so many are wanted: those, and as few more as can be.
  func latents(holding wanted: Int) -> Int {
    let groups = (wanted + granularity - 1) / granularity
    return min(WindowPlan.latentsPerWindow, max(shortest, groups * granularity))
  }
}
