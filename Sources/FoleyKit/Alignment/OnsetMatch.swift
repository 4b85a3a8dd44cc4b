import Motion
import Signal

/// Which onset of a sound belongs to which event of the picture.
enum OnsetMatch {
  /// Seconds an onset may be moved at most; pairs further apart are no pairs.
  static let reach = 0.15

  /// For an onset, the event it stands for: each is the other's best partner within reach. Loud and sudden onsets
  /// and strong events win over weak ones, near over far.
  ///
  /// - Parameters:
  ///   - onsets, events: all within twice the reach of the onset, in order of time.
  static func event(
    for onset: Onset, among onsets: some Collection<Onset>, _ events: some Collection<VisualEvent>
  ) -> VisualEvent? {
    guard let best = partner(of: onset, among: events),
      partner(of: best, among: onsets) == onset
    else { return nil }
    return best
  }

  private static func partner(
    of onset: Onset, among events: some Collection<VisualEvent>
  ) -> VisualEvent? {
    events.filter { abs($0.time - onset.time) <= reach }
      .max { affinity(onset, $0) < affinity(onset, $1) }
  }

  private static func partner(
    of event: VisualEvent, among onsets: some Collection<Onset>
  ) -> Onset? {
    onsets.filter { abs($0.time - event.time) <= reach }
      .max { affinity($0, event) < affinity($1, event) }
  }

  /// The fourth root of the level: 12 dB louder counts as much as half as far away does.
  private static func affinity(_ onset: Onset, _ event: VisualEvent) -> Float {
    let distance = Float(abs(onset.time - event.time))
    return onset.salience * event.strength * onset.level.squareRoot().squareRoot()
      / (0.04 + distance)
  }
}
