import Foundation

/// Gains that hold several streams under one ceiling together: what is done to one is done to all, so that their
/// sums and their balance stay.
///
/// Gains come later than the samples they belong to, in order, the last ones from `finish`; 1 where nothing is to
/// be done.
public struct LinkedLimiter: Sendable {
  private let ceiling: Float
  private var tracks: [PeakTrack]
  private var envelope: GainEnvelope
  private var pushed = 0
  private var received = 0
  private var given = 0

  /// - Parameters:
  ///   - ceiling: in dB true peak, at most 0.
  ///   - channels: how many streams ask for a gain.
  public init(ceiling: Float, channels: Int, sampleRate: Int = 48_000) {
    precondition(ceiling <= 0 && channels > 0)
    self.ceiling = pow(10, ceiling / 20)
    tracks = [PeakTrack](repeating: PeakTrack(threshold: self.ceiling), count: channels)
    envelope = GainEnvelope(sampleRate: sampleRate)
  }

  /// The strongest reduction so far in dB.
  public var maximumReduction: Float { envelope.maximumReduction }

  /// Takes as many samples of every stream.
  public mutating func gains(_ channels: [[Float]]) -> [Float] {
    precondition(channels.count == tracks.count)
    received += channels[0].count
    var gains: [Float] = []
    gains.reserveCapacity(channels[0].count)
    for place in channels[0].indices {
      var peak: Float = 0
      for channel in tracks.indices {
        peak = max(peak, tracks[channel].push(channels[channel][place]))
      }
      if let gain = give(peak) { gains.append(gain) }
    }
    return gains
  }

  public mutating func finish() -> [Float] {
    var gains: [Float] = []
    while given < received {
      var peak: Float = 0
      for channel in tracks.indices { peak = max(peak, tracks[channel].push(0)) }
      if let gain = give(peak) { gains.append(gain) }
    }
    return gains
  }

  /// Peaks come late: the first ones belong to nothing.
  private mutating func give(_ peak: Float) -> Float? {
    pushed += 1
    guard pushed > PeakInterpolator.reach,
      let gain = envelope.push(peak > ceiling ? ceiling / peak : 1)
    else { return nil }
    given += 1
    return gain.value ?? 1
  }
}

/// The highest true peak of several streams, as far as it is above a ceiling.
public struct LinkedPeakMeter: Sendable {
  private let ceiling: Float
  private var interpolators: [PeakInterpolator]
  private var highest: Float = 0

  /// - Parameter ceiling: in dB true peak.
  public init(ceiling: Float, channels: Int) {
    self.ceiling = pow(10, ceiling / 20)
    interpolators = Array(
      repeating: PeakInterpolator(threshold: self.ceiling), count: channels)
  }

  /// Takes the next samples of every stream.
  public mutating func add(_ channels: [[Float]]) {
    precondition(channels.count == interpolators.count)
    for (index, channel) in channels.enumerated() {
      for sample in channel { highest = max(highest, interpolators[index].push(sample)) }
    }
  }

  /// dB by which the streams pass the ceiling, taking silence to follow; 0 where they do not.
  public var excess: Float {
    var rest = self
    for _ in 0..<2 * PeakInterpolator.reach {
      rest.add(Array(repeating: [0], count: interpolators.count))
    }
    return max(0, 20 * log10(max(rest.highest, 1e-10) / ceiling))
  }
}
