/// Clips are often padded: the last picture is repeated until the sound has ended. All motion stops between two
/// frames then, which looks like an impact of everything at once and would be heard as one.
extension MotionTrack {
  /// Seconds that a clip is padded by at most; well within `MotionAnalyzer.delay`, so that nobody has used them yet.
  private static let longestPadding = MotionAnalyzer.delay - 0.2
  /// Motion from which nothing comes to a full stop within 1/25 s unless it strikes something.
  private static let lively: Float = 0.3
  /// Seconds within which an impact explains the stop.
  private static let explained = 0.1

  /// Lets the motion before repeated pictures at the end go on through them, and takes out the hints of an impact
  /// that they gave. Once, when the stream has ended.
  mutating func bridgeFrozenEnd() {
    let still = energy.reversed().prefix { $0 == 0 }.count
    let moving = energy.count - still
    guard still > 0, Double(still) <= Self.longestPadding * Self.rate, moving > 1 else { return }
    // The cell in which it stops is half empty.
    let level = energy[moving - 2]
    let stop = Double(moving) / Self.rate
    let struck = events.contains {
      $0.strength >= VisualEvent.threshold && abs($0.time - stop) < Self.explained
    }
    guard level >= Self.lively, !struck else { return }
    for cell in moving - 1..<energy.count { energy[cell] = level }
    events.removeAll { $0.time > stop - Self.explained && $0.strength < VisualEvent.threshold }
  }
}
