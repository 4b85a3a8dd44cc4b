import Foundation

/// Levels of a sound in bands of the mel scale, a frame every 10 ms, for sound of any rate: what two sounds are
/// compared by.
///
/// Frame i lies about sample `i * hop + hop / 2`; outside the sound there is silence. What is found does not depend
/// on how the sound is cut into pieces, and no more than a frame is held.
public struct BandLevels: Sendable {
  /// Sample rates that can be measured.
  public static let rates = 8000...192_000
  /// Bands of every frame.
  public static let bands = 40
  /// Levels below this count as this, in dB; a full-scale sine is at 0 to 6, by its place between the bands.
  public static let floor: Float = -80

  private let filterbank: MelFilterbank
  private let spectrum: PowerSpectrum
  private var waiting: [Float]
  private var received = 0
  private var frames = 0

  /// - Parameter sampleRate: in hertz, one of `rates`.
  public init(sampleRate: Int) {
    precondition(BandLevels.rates.contains(sampleRate), "bands of sound at \(sampleRate) Hz")
    let hop = sampleRate / 100
    var size = 256
    while size < 4 * hop { size *= 2 }
    let geometry = MelGeometry(
      sampleRate: sampleRate, fftSize: size, hop: hop, bands: BandLevels.bands, lowest: 50,
      highest: min(16_000, 0.45 * Double(sampleRate)))
    filterbank = MelFilterbank(geometry)
    spectrum = PowerSpectrum(size: size)
    waiting = [Float](repeating: 0, count: size / 2 - hop / 2)
  }

  /// Takes more samples of one channel, and gives the frames that are complete: `bands` levels each, in dB.
  public mutating func push(_ samples: [Float]) -> [[Float]] {
    waiting += samples
    received += samples.count
    return take()
  }

  /// The rest, once no more samples come.
  public mutating func finish() -> [[Float]] {
    let geometry = filterbank.geometry
    let missing = (received + geometry.hop - 1) / geometry.hop - frames
    guard missing > 0 else { return [] }
    let needed = (missing - 1) * geometry.hop + geometry.fftSize
    waiting += [Float](repeating: 0, count: max(0, needed - waiting.count))
    return Array(take().prefix(missing))
  }

  private mutating func take() -> [[Float]] {
    let (size, hop) = (spectrum.size, filterbank.geometry.hop)
    var levels: [[Float]] = []
    var start = 0
    while start + size <= waiting.count {
      let magnitudes = spectrum(waiting[start..<start + size]).map { $0.squareRoot() }
      levels.append(
        filterbank.sums(magnitudes).map { max(BandLevels.floor, 20 * log10(max($0, 1e-10))) })
      start += hop
    }
    waiting.removeFirst(start)
    frames += levels.count
    return levels
  }
}
