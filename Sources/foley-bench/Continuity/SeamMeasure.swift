import FoleyKit
import Foundation
import Signal

/// How the places where windows meet differ from others in a sound, averaged over all of them.
struct SeamMeasure {
  /// The largest jump of the level from one tenth of a second to the next within an overlap, over the same in
  /// stretches as long without one. 1: even.
  var energyJump = Mean()
  var ordinaryJump = Mean()
  /// dB of what lies above 6 kHz in overlaps, over the same elsewhere in the sound.
  var highLoss = Mean()
  /// Onsets that follow another within 20 to 150 ms, for each second of overlap, and elsewhere.
  var doubled = Mean()
  var ordinaryDoubled = Mean()
  /// Mean distance of the mel spectra of the seconds before and after an overlap, dB; and of seconds as far apart
  /// in one window.
  var distance = Mean()
  var ordinaryDistance = Mean()

  struct Mean {
    private(set) var sum = 0.0
    private(set) var count = 0
    mutating func add(_ value: Double) {
      sum += value
      count += 1
    }
    var value: Double { sum / Double(max(1, count)) }
  }

  /// Seconds.
  private static let overlap = Double(WindowPlan.length - WindowPlan.hop)

  /// - Parameter seams: where windows begin that follow another, in seconds.
  mutating func add(_ sound: [Float], seams: [Double]) {
    let spectrum = MelSpectrum()(sound)
    let bands = spectrum.count / max(1, sound.count / 480)
    let high = Self.levels(sound, highPassed: true)
    let levels = Self.levels(sound, highPassed: false)
    var detector = OnsetDetector()
    let times = (detector.push(sound) + detector.finish()).map(\.time)
    let pairs = zip(times, times.dropFirst()).filter { (0.02...0.15).contains($1 - $0) }.map(\.1)
    let seconds = Double(sound.count) / Double(Clock.sampleRate)

    func largestJump(_ start: Double) -> Double {
      let first = Int(start * 10)
      return (first..<first + Int(Self.overlap * 10)).map { abs(levels[$0 + 1] - levels[$0]) }
        .max() ?? 0
    }
    func mean(_ values: [Double], _ start: Double, _ length: Double) -> Double {
      let part = values[Int(start * 10)..<Int((start + length) * 10)]
      return part.reduce(0, +) / Double(part.count)
    }
    func mel(_ start: Double) -> [Double] {
      let rows = Int(start * 100)..<Int((start + 1) * 100)
      return (0..<bands).map { band in
        rows.reduce(0) { $0 + Double(spectrum[$1 * bands + band]) } / Double(rows.count)
      }
    }
    func spectralDistance(_ a: Double, _ b: Double) -> Double {
      zip(mel(a), mel(b)).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(bands) * 20 / log(10)
    }
    func pairsIn(_ start: Double, _ length: Double) -> Double {
      Double(pairs.count { $0 >= start && $0 < start + length }) / length
    }
    for seam in seams where seam >= 4 && seam + 6 <= seconds {
      energyJump.add(largestJump(seam))
      ordinaryJump.add(largestJump(seam + Self.overlap))
      highLoss.add(
        mean(high, seam, Self.overlap) - mean(high, seam + Self.overlap + 0.5, Self.overlap))
      doubled.add(pairsIn(seam, Self.overlap))
      ordinaryDoubled.add(pairsIn(seam + Self.overlap, 4))
      distance.add(spectralDistance(seam - 1, seam + Self.overlap))
      // Three seconds apart as well, and both in what the window has made by itself.
      ordinaryDistance.add(spectralDistance(seam + Self.overlap, seam + Self.overlap + 3))
    }
  }

  /// dB for each tenth of a second.
  private static func levels(_ sound: [Float], highPassed: Bool) -> [Double] {
    var filtered = sound
    if highPassed {
      // Two poles and zeros, -3 dB at 6 kHz (Butterworth, bilinear).
      let w = tan(Double.pi * 6000 / 48_000)
      let norm = 1 / (1 + 2.0.squareRoot() * w + w * w)
      let (a1, a2) = (2 * (w * w - 1) * norm, (1 - 2.0.squareRoot() * w + w * w) * norm)
      var (x1, x2, y1, y2) = (0.0, 0.0, 0.0, 0.0)
      for index in sound.indices {
        let x = Double(sound[index])
        let y = norm * (x - 2 * x1 + x2) - a1 * y1 - a2 * y2
        (x2, x1, y2, y1) = (x1, x, y1, y)
        filtered[index] = Float(y)
      }
    }
    return stride(from: 0, to: filtered.count, by: 4800).map { start in
      let part = filtered[start..<min(start + 4800, filtered.count)]
      return 10 * log10(part.reduce(1e-9) { $0 + Double($1 * $1) } / Double(part.count))
    }
  }
}
