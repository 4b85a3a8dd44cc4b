/// Something that is seen to strike, land, stop or bounce.
public struct VisualEvent: Sendable, Codable, Equatable {
  /// The analyser's own line between what counts as an event and a weak hint.
  public static let threshold: Float = 0.4

  /// Seconds on the clock of the frames, finer than their spacing.
  public var time: Double
  /// 0...1, from the size and the change of speed of what stopped; at least `threshold` for an
  /// event, less for a hint.
  public var strength: Float

  public init(time: Double, strength: Float) {
    self.time = time
    self.strength = strength
  }
}

/// What the analyser has found so far. It grows by what it reports; nothing else is kept.
public struct MotionTrack: Sendable, Codable {
  /// Frames per second of `energy`.
  public static let rate = 25.0

  /// In order of time; final from the moment they appear.
  public var events: [VisualEvent] = []
  /// Local motion after the camera's own is taken out, log-compressed, 0...1: value i covers the
  /// time [i / 25, (i + 1) / 25).
  public var energy: [Float] = []
  /// Times of the first frame after a hard cut.
  public var cuts: [Double] = []
  /// Those of the cuts that lead to a place not seen in the shots before.
  public var newPlaces: [Double] = []

  public init(
    events: [VisualEvent] = [], energy: [Float] = [], cuts: [Double] = [], newPlaces: [Double] = []
  ) {
    self.events = events
    self.energy = energy
    self.cuts = cuts
    self.newPlaces = newPlaces
  }
}
