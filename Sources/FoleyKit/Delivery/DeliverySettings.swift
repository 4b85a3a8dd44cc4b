/// How a sound is to be handed over: loudness, channels, and what becomes of the clip's own sound.
public struct DeliverySettings: Sendable, Equatable {
  /// What the clip's own sound does beside the new one.
  public enum Mixing: Sendable, Equatable {
    /// It is not in the file.
    case without
    /// Both are added.
    case mixed
    /// Both are added, and the clip's own sinks by so many dB where the new one is heard.
    case ducked(depth: Float)
  }

  /// Integrated loudness in LUFS; nil: as it comes.
  public var loudness: Double?
  /// The highest true peak, in dB of full scale.
  public var ceiling: Double
  public var channels: Int
  /// Whether the new sound is spread over two channels; otherwise it is in the middle.
  public var isWide: Bool
  /// dB that the new sound is raised by, and the clip's own, before the loudness is set.
  public var gain: Double
  public var originalGain: Double
  public var mixing: Mixing

  /// What the pipeline's own limiter keeps to.
  public static let usualCeiling = -1.0

  public init(
    loudness: Double? = nil, ceiling: Double = usualCeiling, channels: Int = 1,
    isWide: Bool = false, gain: Double = 0, originalGain: Double = 0, mixing: Mixing = .without
  ) {
    precondition(channels == 2 || !isWide, "width takes two channels")
    precondition(channels == 1 || isWide || mixing != .without, "two channels of the same")
    self.loudness = loudness
    self.ceiling = ceiling
    self.channels = channels
    self.isWide = isWide
    self.gain = gain
    self.originalGain = originalGain
    self.mixing = mixing
  }

  /// Whether the samples can go from the pipeline into the file as they are.
  public var changesNothing: Bool {
    self == DeliverySettings(ceiling: ceiling) && ceiling >= DeliverySettings.usualCeiling
  }
}

/// What came of a delivery.
public struct DeliveryReport: Encodable, Sendable {
  /// One of several sounds that add up to the whole.
  public struct Stem: Encodable, Sendable {
    public var name: String
    public var prompt: String
    public var seed: UInt64
    public var file: String

    public init(name: String, prompt: String, seed: UInt64, file: String) {
      (self.name, self.prompt, self.seed, self.file) = (name, prompt, seed, file)
    }
  }

  public var channels: Int
  /// dB by which the sound was raised to reach its loudness.
  public var gain: Double
  /// The most that was taken away at any moment to hold the true peak, in dB.
  public var limiterReduction: Double
  /// LUFS, LU and dB of full scale, of what is in the file; absent for silence.
  public var loudness: Double?
  public var loudnessRange: Double?
  public var truePeak: Double?
  public var stems: [Stem]?
}

extension GenerationReport {
  /// Adds what came of a delivery, and what it took.
  public mutating func add(_ delivery: DeliveryReport, since began: ContinuousClock.Instant) {
    self.delivery = delivery
    let seconds = (ContinuousClock.now - began).seconds
    timings["delivery"] = seconds
    timings["total", default: 0] += seconds
    speed = self.seconds / max(timings["total"] ?? 0, 1e-9)
    peakMemory = ProcessMeasure.peakMemory
  }
}
