import Foundation

/// Turns levels that hold between frames into 25 values per second.
struct EnergyMeter: Sendable {
  private var time = 0.0
  /// Of the interval before, per 1/30 s.
  private var rate = 0.0
  /// Integral of the level over the grid cell being filled, and the number of cells already given
  /// out.
  private var sum = 0.0
  private var cells = 0
  private var finished: [Float] = []

  /// The stream's first frame; the cells before it are empty.
  mutating func start(at first: Double) {
    time = 0
    if first > 0 { add(until: first, level: 0) }
  }

  /// - Parameter level: mean difference between the frames at both ends, grey levels.
  mutating func add(until end: Double, level: Float) {
    let span = max(end - time, 1e-3)
    // Per 1/30 s; a very long or short interval says little about speed.
    rate = Double(level) / min(max(span * 30, 0.5), 2)
    goOn(until: end)
  }

  /// An interval of which nothing is known is like the one before.
  mutating func goOn(until end: Double) {
    var now = time
    while now < end {
      let border = Double(cells + 1) / MotionTrack.rate
      let stop = min(border, end)
      sum += rate * max(0, stop - now)
      now = stop
      if now >= border - 1e-9 { close(covering: 1 / MotionTrack.rate) }
    }
    time = max(time, end)
  }

  /// - Parameter covered: the seconds of the cell for which there is a level.
  private mutating func close(covering covered: Double) {
    finished.append(Self.compressed(sum / covered))
    sum = 0
    cells += 1
  }

  /// Logarithmic from 0.01 grey levels of mean local change (a finger) to 5 (a body across the
  /// picture).
  private static func compressed(_ level: Double) -> Float {
    Float(min(1, log(1 + level / 0.02) / log(1 + 5 / 0.02)))
  }

  mutating func take(ending: Bool) -> [Float] {
    // Nothing is known of the rest of the last cell: it goes on as it began.
    let begun = time - Double(cells) / MotionTrack.rate
    if ending && begun > 1e-9 { close(covering: begun) }
    defer { finished = [] }
    return finished
  }
}
