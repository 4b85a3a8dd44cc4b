import Foundation

/// Holds the true peak of a stream under a ceiling by a gain that moves smoothly ahead of each peak.
///
/// What needs no limiting passes bit for bit. As many samples come out as went in, in the same places; they
/// come out later, the last ones from `finish`.
public struct TruePeakLimiter: Sendable {
  /// Linear; 1 is full scale.
  public let ceiling: Float
  private var peaks: PeakTrack
  private var envelope: GainEnvelope

  private var pushed = 0
  /// Samples that wait for their gain.
  private var waiting: [Float] = []
  private var waitingStart = 0

  /// - Parameters:
  ///   - ceiling: in dB true peak, at most 0.
  ///   - lookAhead: seconds from the first move of the gain to the peak that asks for it.
  ///   - release: seconds in which the gain comes back by 63 %.
  public init(
    ceiling: Float = -1, sampleRate: Int = 48_000, lookAhead: Double = 0.005,
    release: Double = 0.08
  ) {
    precondition(ceiling <= 0, "a ceiling of \(ceiling) dB")
    self.ceiling = pow(10, ceiling / 20)
    peaks = PeakTrack(threshold: self.ceiling)
    envelope = GainEnvelope(sampleRate: sampleRate, lookAhead: lookAhead, release: release)
  }

  /// The strongest reduction so far in dB, 0 when nothing was limited.
  public var maximumReduction: Float { envelope.maximumReduction }

  /// Takes samples and returns those that are ready.
  public mutating func process(_ samples: [Float]) -> [Float] {
    var out: [Float] = []
    out.reserveCapacity(samples.count)
    for sample in samples {
      waiting.append(sample)
      take(peaks.push(sample), &out)
    }
    compact()
    return out
  }

  /// The samples still held back.
  public mutating func finish() -> [Float] {
    var out: [Float] = []
    let remaining = waiting.count - waitingStart
    var step = 0
    while out.count < remaining {
      // Silence follows: first through the interpolator, then as gains of 1.
      take(step <= PeakInterpolator.reach + 1 ? peaks.push(0) : 0, &out)
      step += 1
    }
    waiting = []
    waitingStart = 0
    return out
  }

  /// Peaks come late: the first ones belong to nothing.
  private mutating func take(_ peak: Float, _ out: inout [Float]) {
    pushed += 1
    guard pushed > PeakInterpolator.reach else { return }
    guard let gain = envelope.push(peak > ceiling ? ceiling / peak : 1) else { return }
    let sample = waiting[waitingStart]
    waitingStart += 1
    guard let gain = gain.value else {
      out.append(sample)
      return
    }
    // The gain's own movement can lift a crest by some thousandths of a dB.
    let limited = sample * gain
    out.append(limited > ceiling ? ceiling : limited < -ceiling ? -ceiling : limited)
  }

  private mutating func compact() {
    waiting.removeFirst(waitingStart)
    waitingStart = 0
  }
}
