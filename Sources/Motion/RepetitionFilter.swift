/// Takes out of a converted stream the frames that merely repeat the one before, each of which
/// would look like a stop, and gives those that remain the even spacing that they were taken with.
struct RepetitionFilter: Sendable {
  /// How long the finding that a stream repeats frames holds, seconds.
  private static let memory = 2.0
  /// How many frames the spacing is measured over, and how quickly the even clock follows the shown
  /// times.
  private static let history = 17
  private static let pull = 0.12

  /// The newest frame that is no repetition, as it came, and how much it differed from the one
  /// before.
  private var newest: PreparedFrame?
  private var lastDifference: Float = 0
  /// A frame that may be a repetition: only the next one tells.
  private var held: PreparedFrame?
  private var heldDifference: Float = 0
  private var repetitions: [Double] = []
  /// When the latest frames that are no repetitions were shown.
  private var shown: [Double] = []
  /// The time given to the newest frame.
  private var clock = -Double.infinity

  /// The frames to analyse, in order, now that `frame` has come.
  ///
  /// A frame is a repetition when nothing at all changes in it while about as much changes before
  /// as after: a thing that has come to rest goes on resting or starts slowly.
  mutating func frames(after frame: PreparedFrame) -> [PreparedFrame] {
    guard let last = newest else {
      newest = frame
      return [timed(frame)]
    }
    let difference = frame.difference(from: last)
    var result: [PreparedFrame] = []
    if let held {
      self.held = nil
      let steady = difference < 2.5 * lastDifference && difference > 0.4 * lastDifference
      if steady && heldDifference < 0.05 * min(difference, lastDifference) {
        repetitions.append(held.time)
      } else {
        result.append(timed(held))
      }
    } else if difference < 0.1 && difference < 0.05 * lastDifference {
      held = frame
      heldDifference = difference
      return []
    }
    lastDifference = difference
    newest = frame
    result.append(timed(frame))
    return result
  }

  /// What is still held when the stream ends.
  mutating func rest() -> [PreparedFrame] {
    defer { held = nil }
    return held.map { [timed($0)] } ?? []
  }

  private mutating func timed(_ frame: PreparedFrame) -> PreparedFrame {
    repetitions.removeAll { $0 < frame.time - Self.memory }
    shown.append(frame.time)
    if shown.count > Self.history { shown.removeFirst() }
    var time = frame.time
    if repetitions.count >= 2, shown.count > 4, let first = shown.first {
      let spacing = (frame.time - first) / Double(shown.count - 1)
      let due = clock + spacing
      // After a pause the clock starts anew.
      if abs(frame.time - due) < 2 * spacing { time = due + Self.pull * (frame.time - due) }
    }
    time = max(time, clock + 1e-3)
    clock = time
    return time == frame.time ? frame : PreparedFrame(frame, time: time)
  }
}
