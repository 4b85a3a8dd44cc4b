import Foundation

/// Keeps silence silent: where nothing moves and nothing was asked for, the sound sinks to a faint
/// ambience, 40 dB below what a model might make up.
///
/// A stretch is known to be quiet two seconds beyond its end, so the way down and up again, a second
/// each at its start, never hides an event.
struct Ambience {
  private static let quiet: Float = -40
  private static let ramp = Clock.sampleRate

  private struct Stretch {
    var start: Int
    var from: Float
    var to: Float
  }

  private var stretches: [Stretch] = []
  private var planned = 0

  /// The next stretch of the sound.
  mutating func add(samples: Int, quiet: Bool) {
    let level: Float = quiet ? Ambience.quiet : 0
    // A clip that begins quietly has nothing to sink from.
    stretches.append(Stretch(start: planned, from: stretches.last?.to ?? level, to: level))
    planned += samples
    if stretches.count > 8 { stretches.removeFirst(stretches.count - 8) }
  }

  /// Scales samples that lie from `position` on in the whole sound.
  func apply(to samples: inout [Float], at position: Int) {
    for index in samples.indices {
      let place = position + index
      guard let stretch = stretches.last(where: { $0.start <= place }) else { continue }
      if stretch.from == 0 && stretch.to == 0 { continue }
      let progress = min(1, Float(place - stretch.start) / Float(Ambience.ramp))
      let level = stretch.from + (stretch.to - stretch.from) * progress
      samples[index] *= pow(10, level / 20)
    }
  }
}
