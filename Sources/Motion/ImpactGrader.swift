import Foundation

/// Tells impacts from other motion and gives them their strength, 0...1.
///
/// Whether something is an event is a logistic function of what the detector measured and of how it
/// compares with its surroundings in time; the weights were fitted on rendered clips
/// (Scripts/clips/render.py, set full, seeds 11, 12, 22 and 31). How strong an event is follows from
/// its score, half absolute and half relative to the strongest of the seconds around.
struct ImpactGrader: Sendable {
  /// How far ahead and back an impact is compared with others, seconds.
  private static let ahead = 0.5
  private static let back = 4.0
  private static let near = 0.2
  /// The probability that counts as an event.
  private static let decision: Float = 0.45
  /// Less likely ones are not even hints.
  private static let negligible: Float = 0.05

  /// Impacts in order of time: those still to be graded and those that the next are compared with.
  private var impacts: [Impact] = []
  /// The time up to which impacts have been graded.
  private var graded = -Double.infinity

  mutating func add(_ impact: Impact) {
    // Almost always the last place.
    let place = (impacts.lastIndex { $0.time <= impact.time } ?? -1) + 1
    impacts.insert(impact, at: place)
  }

  /// Events and hints that later impacts cannot change.
  ///
  /// - Parameter settled: no impact before this time is still to come.
  mutating func take(until settled: Double) -> [VisualEvent] {
    let horizon = settled - Self.ahead
    var events: [VisualEvent] = []
    for (index, impact) in impacts.enumerated()
    where impact.time > graded && impact.time <= horizon {
      if let event = grade(impact, index) { events.append(event) }
    }
    graded = max(graded, horizon)
    impacts.removeAll { $0.time < horizon - Self.back }
    return events
  }

  private func grade(_ impact: Impact, _ index: Int) -> VisualEvent? {
    var strongest = impact.score
    var rival: Float = 0
    for (other, neighbour) in impacts.enumerated() {
      let distance = neighbour.time - impact.time
      if distance < -Self.back || distance > Self.ahead { continue }
      strongest = max(strongest, neighbour.score)
      if other != index && abs(distance) <= Self.near { rival = max(rival, neighbour.score) }
    }
    let relative = impact.score / max(strongest, 1e-3)
    let probability = Self.probability(impact, relative: relative, rival: rival)
    if probability < Self.negligible { return nil }
    if probability < Self.decision {
      let strength = VisualEvent.threshold * probability / Self.decision
      return VisualEvent(time: impact.time, strength: min(strength, 0.99 * VisualEvent.threshold))
    }
    // From a fingertip (30) to a body that fills a quarter of the picture (3000).
    let absolute = max(0, min(1, log(impact.score / 30) / log(100)))
    let share = 0.5 * absolute + 0.5 * relative.squareRoot()
    return VisualEvent(
      time: impact.time, strength: VisualEvent.threshold + (1 - VisualEvent.threshold) * share)
  }

  /// - Parameters:
  ///   - relative: the score over the greatest of the seconds around, its own included.
  ///   - rival: the greatest other score within `near`.
  private static func probability(_ impact: Impact, relative: Float, rival: Float) -> Float {
    func clamp(_ value: Float, _ low: Float, _ high: Float) -> Float { max(low, min(high, value)) }
    let evidence: [(weight: Float, value: Float)] = [
      (1.245, log(impact.score + 5)),
      (0.003, log(relative + 0.02)),
      (0.767, clamp(log((impact.score + 20) / (rival + 20)), -2, 2)),
      (0.399, log((impact.mass + 5) / (impact.baseline + 5))),
      (-0.647, clamp(impact.after / max(impact.before, 3), -1.5, 1.5)),
      (0.042, clamp(impact.change / max(impact.before - impact.after, 3), 0, 2)),
      (-1.912, clamp(impact.escaping / max(impact.before, 3), -1, 2)),
      (-1.179, log(impact.size + 0.3)),
      (0.393, clamp(impact.rise, -0.5, 2)),
      (3.501, clamp(impact.concentration, 0, 1)),
      (-0.118, clamp(impact.support, -0.5, 1.5)),
      (-0.313, log((impact.areaAfter + 0.3) / (impact.areaBefore + 0.3))),
      (1.673, log(impact.focus + 0.05)),
      (1.488, max(impact.downward, 0)),
      (-1.94, max(-impact.downward, 0)),
    ]
    let sum = evidence.reduce(Float(-10.444)) { $0 + $1.weight * $1.value }
    return 1 / (1 + exp(-sum))
  }
}
