import Foundation
import Motion
import Signal

/// Moves onsets of the sound to the events seen in the picture.
///
/// The sound comes out as it went in, except that between onsets, where it is quiet, some milliseconds are left
/// out or repeated under a short cross-fade: what follows is early or late by that much from there on. Attacks are
/// never touched, and the length stays. An onset is moved if it and an event are each other's best partner
/// (`OnsetMatch`), they are more than `tolerance` apart, and there is a quiet place before it; what follows without
/// a partner of its own goes back to where it was.
///
/// A stream: what comes out does not depend on how the sound is cut into pieces, and waits for little more than a
/// second of what follows.
struct OnsetAligner {
  /// What it did, all times in seconds.
  struct Summary: Sendable, Encodable {
    /// Events of the picture, and those that an onset was found for.
    var events = 0
    var matched = 0
    var moved = 0
    /// Distances of the matched pairs.
    var medianBefore: Double?
    var medianAfter: Double?
    var largestAfter: Double?
  }

  /// Pairs no further apart are left alone.
  private static let tolerance = 0.010
  /// An onset is decided when everything this much later is known.
  private static let certainty = 2 * OnsetMatch.reach
  /// How far before an onset the quiet place may be, and how long what sounds before is left in peace.
  private static let search = 0.30
  private static let body = 0.040
  /// An onset without a partner this soon after another moves with it: a flam, a rattle.
  private static let companion = 0.120
  /// Seconds by which a pair may be further apart than it was.
  private static let harm = 0.005
  /// The quiet place is at least 15 dB below the onset.
  private static let quiet: Float = 0.03

  private let rate: Double
  private let fade: Int
  private var detector: OnsetDetector
  private var onsets: [Onset] = []
  private var events: [VisualEvent] = []
  /// All events before this time are known.
  private var eventsEnd = 0.0
  /// Where the last decided onset is in the input, and by how much it is moved.
  private var last: (time: Double, shift: Int) = (-1, 0)
  /// From an output place on, the input is read so many samples earlier.
  private var turns: [Turn] = []
  private var shift = 0
  /// Input from `first` on.
  private var input: [Float] = []
  private var first = 0
  private var written = 0
  private var received: Int { first + input.count }
  /// For every matched onset, seconds from it to its event, and the shift it got.
  private var pairs: [(distance: Double, shift: Int)] = []
  private var eventCount = 0

  private struct Turn {
    var place: Int
    var shift: Int
    /// The first of `pairs` that comes after it.
    var since: Int
  }

  init(sampleRate: Int) {
    rate = Double(sampleRate)
    fade = sampleRate / 100
    detector = OnsetDetector(sampleRate: sampleRate)
  }

  /// Takes more sound, and gives what is certain by now.
  ///
  /// - Parameters:
  ///   - seen: events seen since the last call, in order.
  ///   - end: the time up to which all are known.
  mutating func push(_ sound: [Float], seen: [VisualEvent], until end: Double) -> [Float] {
    let strong = seen.filter { $0.strength >= VisualEvent.threshold }
    events += strong
    eventCount += strong.count
    eventsEnd = end
    input += sound
    onsets += detector.push(sound)
    let known = min(detector.horizon, eventsEnd)
    decide(until: known - OnsetAligner.certainty)
    // A later onset may still ask for a turn this much before it.
    let margin = OnsetAligner.certainty + OnsetAligner.search + 2 * OnsetMatch.reach
    return emit(until: Int((known - margin) * rate))
  }

  /// The rest; as many samples as came in.
  mutating func finish() -> [Float] {
    onsets += detector.finish()
    decide(until: .infinity)
    if last.shift != 0 {
      _ = turn(before: Double(received) / rate, to: 0, level: .infinity)
    }
    return emit(until: received)
  }

  var summary: Summary {
    func median(_ values: [Double]) -> Double? {
      values.isEmpty ? nil : values.sorted()[values.count / 2]
    }
    let after = pairs.map { abs($0.distance - Double($0.shift) / rate) }
    return Summary(
      events: eventCount, matched: pairs.count, moved: pairs.count { $0.shift != 0 },
      medianBefore: median(pairs.map { abs($0.distance) }), medianAfter: median(after),
      largestAfter: after.max())
  }

  // MARK: What is moved

  private mutating func decide(until end: Double) {
    while let index = onsets.firstIndex(where: { $0.time > last.time }),
      onsets[index].time < end
    {
      let onset = onsets[index]
      let event = OnsetMatch.event(for: onset, among: onsets, events)
      let wanted = wantedShift(onset, event)
      let distance = event.map { $0.time - onset.time }
      while wanted != last.shift,
        !turn(before: onset.time, to: wanted, level: wanted == 0 ? .infinity : onset.level),
        let distance, isWorse(distance), takeBackTurn()
      {}
      let shift = turns.last?.shift ?? self.shift
      if let distance { pairs.append((distance, shift)) }
      last = (onset.time, shift)
    }
    let oldest = last.time - 2 * OnsetAligner.certainty
    onsets.removeAll { $0.time < oldest }
    events.removeAll { $0.time < oldest }
  }

  /// Samples an onset is to come later (earlier if negative).
  private func wantedShift(_ onset: Onset, _ event: VisualEvent?) -> Int {
    guard let event else {
      return onset.time - last.time < OnsetAligner.companion ? last.shift : 0
    }
    let distance = event.time - onset.time
    guard abs(distance) > OnsetAligner.tolerance else { return 0 }
    return Int((distance * rate).rounded())
  }

  /// Whether an onset so far from its event would be further away under the present shift.
  private func isWorse(_ distance: Double) -> Bool {
    abs(distance - Double(last.shift) / rate) > abs(distance) + OnsetAligner.harm
  }

  /// Undoes the last turn where it is still to come: moving one onset must not make the next one worse.
  private mutating func takeBackTurn() -> Bool {
    guard let turn = turns.popLast() else { return false }
    last.shift = turns.last?.shift ?? shift
    for index in turn.since..<pairs.count { pairs[index].shift = last.shift }
    return true
  }

  /// Plans a turn to another shift at the quietest place before an onset; false where there is none.
  private mutating func turn(before time: Double, to shift: Int, level: Float) -> Bool {
    let current = last.shift
    let onset = Int(time * rate)
    let earliest = max(
      written, Int((last.time + OnsetAligner.body) * rate) + max(current, shift),
      onset - Int(OnsetAligner.search * rate))
    let latest = onset + min(current, shift) - fade - fade / 4
    guard earliest <= latest else { return false }
    let step = fade / 2
    let places = stride(from: earliest, through: latest, by: step).map { place in
      (place, max(energy(place - current), energy(place - shift)))
    }
    guard let best = places.min(by: { $0.1 < $1.1 }),
      best.1 <= OnsetAligner.quiet * level
    else { return false }
    turns.append(Turn(place: best.0, shift: shift, since: pairs.count))
    return true
  }

  /// Mean square of the input where a fade would lie.
  private func energy(_ start: Int) -> Float {
    let range = max(first, start)..<max(max(first, start), min(received, start + fade))
    let sum = range.reduce(Float(0)) { $0 + input[$1 - first] * input[$1 - first] }
    return sum / Float(fade)
  }

  // MARK: What comes out

  private mutating func emit(until end: Int) -> [Float] {
    guard end > written else { return [] }
    var sound: [Float] = []
    sound.reserveCapacity(end - written)
    while written < end {
      guard let turn = turns.first, turn.place < end else {
        sound += read(written..<end, shift)
        written = end
        break
      }
      sound += read(written..<turn.place, shift)
      let place = turn.place..<turn.place + fade
      let (old, new) = (read(place, shift), read(place, turn.shift))
      sound += zip(old, new).enumerated().map { index, pair in
        let weight = 0.5 - 0.5 * cos(Float.pi * (Float(index) + 0.5) / Float(fade))
        return pair.0 * (1 - weight) + pair.1 * weight
      }
      written = place.upperBound
      shift = turn.shift
      turns.removeFirst()
    }
    let oldest = written - Int(2 * OnsetMatch.reach * rate)
    if oldest > first {
      input.removeFirst(oldest - first)
      first = oldest
    }
    return sound
  }

  /// The input that stands at these output places under a shift.
  private func read(_ places: Range<Int>, _ shift: Int) -> [Float] {
    places.map { place in
      let index = place - shift - first
      return input.indices.contains(index) ? input[index] : 0
    }
  }
}
