import Foundation

/// Log-mel frames of a stream, from the first one that is still needed on, and the power of each.
struct LogMelBuffer {
  let bands: Int
  private(set) var first = 0
  private var frames: [Float] = []
  private var powers: [Float] = []
  /// A power that is not heard, so that silences do not differ.
  private static let inaudible: Float = 1e-6

  init(bands: Int) { self.bands = bands }

  /// How many frames have come.
  var end: Int { first + powers.count }

  /// - Parameter more: [frames, bands], logarithms of magnitudes.
  mutating func append(_ more: [Float]) {
    frames += more
    powers += stride(from: 0, to: more.count, by: bands).map { start in
      more[start..<start + bands].reduce(0) { $0 + exp(2 * $1) }
    }
  }

  mutating func drop(before frame: Int) {
    let count = min(frame, end) - first
    guard count > 0 else { return }
    frames.removeFirst(count * bands)
    powers.removeFirst(count)
    first += count
  }

  subscript(frame: Int) -> ArraySlice<Float> {
    frames[(frame - first) * bands..<(frame - first + 1) * bands]
  }

  /// Mean power of frames, of those that are known.
  func level(_ range: Range<Int>) -> Float {
    let known = range.clamped(to: first..<end)
    return known.reduce(LogMelBuffer.inaudible) { $0 + powers[$1 - first] }
      / Float(max(1, known.count))
  }

  /// The most power in one of these frames, of those that are known.
  func peak(_ range: Range<Int>) -> Float {
    range.clamped(to: first..<end).reduce(LogMelBuffer.inaudible) { max($0, powers[$1 - first]) }
  }
}
