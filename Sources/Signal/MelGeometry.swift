import Foundation

/// The grid on which sound is described as a mel spectrum: clock, transform and bands.
public struct MelGeometry: Sendable, Hashable, Codable {
  /// Samples per second.
  public var sampleRate: Int
  /// Samples under one window; a power of two.
  public var fftSize: Int
  /// Samples from one frame to the next. Frame i is centred on sample `i * hop + hop / 2`.
  public var hop: Int
  /// Triangular bands, evenly spaced on the mel scale.
  public var bands: Int
  /// Where the first band begins, Hz.
  public var lowest: Double
  /// Where the last band ends, Hz.
  public var highest: Double
  /// Band magnitudes below this count as this.
  public var floor: Float

  public init(
    sampleRate: Int = 48_000, fftSize: Int = 2048, hop: Int = 480, bands: Int = 100,
    lowest: Double = 20, highest: Double = 20_000, floor: Float = 1e-5
  ) {
    precondition(hop > 0 && hop <= fftSize / 4, "hop \(hop) of windows of \(fftSize)")
    precondition(bands > 1 && lowest >= 0 && highest > lowest)
    precondition(highest <= Double(sampleRate) / 2, "bands up to \(highest) Hz at \(sampleRate) Hz")
    self.sampleRate = sampleRate
    self.fftSize = fftSize
    self.hop = hop
    self.bands = bands
    self.lowest = lowest
    self.highest = highest
    self.floor = floor
  }

  public var bins: Int { fftSize / 2 + 1 }

  /// The first sample under the window of frame 0, a negative number: frame i begins `hop * i` later.
  var firstSample: Int { hop / 2 - fftSize / 2 }

  /// Factor that gives a full-scale sine the magnitude 1: 2 / sum of the Hann window.
  var magnitudeUnit: Float { 2 / (Float(fftSize) / 2) }

  /// The edges and centres of the bands, `bands + 2` frequencies in Hz.
  public var frequencies: [Double] {
    let low = MelGeometry.mel(lowest)
    let high = MelGeometry.mel(highest)
    return (0..<bands + 2).map {
      MelGeometry.hertz(low + (high - low) * Double($0) / Double(bands + 1))
    }
  }

  // Slaney's scale: linear to 1 kHz, 15 mels; logarithmic above, 27 mels to a factor of 6.4.
  public static func mel(_ hertz: Double) -> Double {
    hertz < 1000 ? hertz * 3 / 200 : 15 + log(hertz / 1000) * 27 / log(6.4)
  }

  public static func hertz(_ mel: Double) -> Double {
    mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27)
  }
}
