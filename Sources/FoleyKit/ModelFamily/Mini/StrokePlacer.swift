import Foundation
import Motion

/// Puts a stroke at every event of the picture.
///
/// The generator strikes beside its events, at times twice for one and at times not at all, the more so the denser
/// they are. For each event this takes the strongest attack that is near it, nearer to it than to its neighbours, and
/// moves it there: frames before it are left out, or the last of them is held, so that what follows is early or late
/// by that much, until a while after the last stroke it slowly falls back into step. Where there is no attack, a
/// stroke of the last seconds is heard again. Without earlier strokes nothing is added: rain that falls while somebody
/// hammers stays rain.
///
/// What is between strokes stays as it was; `DecayGuard` comes after it. A stream of log-mel frames: what comes out
/// does not depend on the pieces they come in, and is as long as they are.
struct StrokePlacer {
  struct Placed {
    /// [frames, bands], logarithms of magnitudes.
    var frames: [Float] = []
    /// Frames of the whole stream at which strokes begin, in order. All are known that begin before the end of
    /// `frames` and a little later.
    var strokes: [Int] = []
  }

  /// Seconds between an event and the attack that is taken for it at most.
  private static let reach = 0.120
  /// Seconds by which one attack follows another at least.
  private static let separation = 0.050
  /// Seconds before an onset that belong to it: a frame sees an attack before it happens.
  static let margin = 0.030
  /// Seconds before and after a place whose levels say how much the sound rises there.
  private static let slope = 0.020
  /// Decibels by which a stroke is louder than what was before it at least, each over so many seconds; decibels to
  /// which it rises at least; and how much softer than the middle one of the last strokes it may be.
  private static let jump: Float = 6
  private static let attack = 0.030
  private static let faintest: Float = -25
  private static let range: Float = 12
  /// Seconds for which a stroke is loudest.
  private static let peak = 0.050
  /// Seconds for which a stroke is remembered, and how much of it.
  private static let memory = 3.0
  private static let body = 0.250
  /// Seconds after a stroke from which on one frame in so many is left out or held until the sound is in step again.
  private static let patience = 1.0
  private static let pace = 10
  /// A frame that does not come, far from overflow.
  private static let never = Int.max / 2

  private let bands: Int
  /// Frames per second.
  private let rate: Double
  private let moves: Bool

  private var input: LogMelBuffer
  /// Frames at which events are seen that are not decided yet.
  private var events: [Int] = []
  /// The last event that is decided, and the attack that was taken for it.
  private var decided: (event: Int, onset: Int)?
  /// Frames that have come out, and the frame of the input that is next.
  private var told = 0
  private var next = 0
  /// From which output frame on the sound may fall back into step.
  private var restless = 0
  private var remembered: [Stroke] = []
  private var repeats: [Repeat] = []

  private struct Stroke {
    /// In the input.
    var onset: Int
    /// Decibels.
    var peak: Float
    /// From `margin` before the onset on.
    var frames: [Float]
  }

  /// A stroke that is heard again.
  private struct Repeat {
    var start: Int
    var frames: [Float]
  }

  /// - Parameters:
  ///   - rate: frames per second.
  ///   - moves: whether strokes are moved and heard again; otherwise they are only found.
  init(bands: Int, rate: Double, moves: Bool) {
    self.bands = bands
    self.rate = rate
    self.moves = moves
    input = LogMelBuffer(bands: bands)
  }

  private func frames(_ seconds: Double) -> Int { Int((seconds * rate).rounded()) }
  private var reach: Int { frames(StrokePlacer.reach) }
  private var margin: Int { frames(StrokePlacer.margin) }
  private var body: Int { frames(StrokePlacer.body) }

  /// Takes more frames, and gives those that are certain by now.
  ///
  /// - Parameters:
  ///   - more: [frames, bands], logarithms of magnitudes.
  ///   - seen: events seen since the last call, in order, in seconds.
  ///   - end: the time up to which all are known.
  mutating func push(_ more: [Float], seen: [VisualEvent], until end: Double) -> Placed {
    input.append(more)
    for event in seen where event.strength >= VisualEvent.threshold {
      let frame = Int((event.time * rate).rounded())
      if frame > events.last ?? decided?.event ?? -1 { events.append(frame) }
    }
    let eventsEnd = end.isFinite ? Int(end * rate) : StrokePlacer.never
    return place(until: min(input.end, eventsEnd))
  }

  /// The rest.
  mutating func finish() -> Placed {
    events.removeAll { $0 >= input.end }
    return place(until: StrokePlacer.never)
  }

  /// - Parameter known: the frame before which all is known.
  private mutating func place(until known: Int) -> Placed {
    var placed = Placed()
    while let event = events.first, event + decision <= known {
      events.removeFirst()
      if let stroke = decide(event, &placed) { placed.strokes.append(stroke) }
    }
    // Nothing that an event could still ask for.
    let undecided = min(known, events.first ?? known)
    tell(until: min(undecided - 2 * reach - margin, input.end), &placed)
    input.drop(before: min(next, told) - reach - margin - frames(StrokePlacer.attack))
    return placed
  }

  /// Frames that must be known beyond an event when it is decided.
  private var decision: Int { reach + max(reach, body) + margin + 1 }

  // MARK: What is decided

  /// - Returns: where the stroke of an event begins; nil where it has none.
  private mutating func decide(_ event: Int, _ placed: inout Placed) -> Int? {
    let onset = attack(near: event)
    decided = (event, onset)
    let forgotten = event - frames(StrokePlacer.memory)
    remembered.removeAll { $0.onset < forgotten }
    let usual = remembered.map(\.peak).sorted()
    let typical = usual.isEmpty ? nil : usual[usual.count / 2]
    guard isStroke(onset, typical) else {
      return typical.flatMap { moves ? hearAgain(at: event, peak: $0) : nil }
    }
    remember(onset)
    guard moves else { return onset }
    let lead = min(margin, onset, event)
    tell(until: event - lead, stopping: onset - lead, &placed)
    next = onset - lead
    restless = event + frames(StrokePlacer.patience)
    return event
  }

  /// Where the sound rises most about an event; louder rises count as more.
  private func attack(near event: Int) -> Int {
    var (earliest, latest) = (event - reach, event + reach)
    if let decided {
      earliest = max(
        earliest, (decided.event + event + 1) / 2,
        decided.onset + frames(StrokePlacer.separation))
    }
    if let following = events.first { latest = min(latest, (event + following) / 2) }
    guard earliest <= latest else { return event }
    let slope = frames(StrokePlacer.slope)
    func rise(_ frame: Int) -> Float {
      let (before, after) = (input.level(frame - slope..<frame), input.level(frame..<frame + slope))
      return log(after / before) + log(after)
    }
    return (earliest...latest).max { rise($0) < rise($1) } ?? event
  }

  private func isStroke(_ onset: Int, _ typical: Float?) -> Bool {
    let (length, peak) = (frames(StrokePlacer.attack), peak(onset))
    let rise = input.level(onset..<onset + length) / input.level(onset - 1 - length..<onset - 1)
    return 10 * log10(rise) >= StrokePlacer.jump && peak > StrokePlacer.faintest
      && typical.map { peak >= $0 - StrokePlacer.range } ?? true
  }

  /// Decibels.
  private func peak(_ onset: Int) -> Float {
    10 * log10(input.peak(onset..<onset + frames(StrokePlacer.peak)))
  }

  private mutating func remember(_ onset: Int) {
    let range = (onset - margin..<onset + body).clamped(to: input.first..<input.end)
    guard range.lowerBound == onset - margin else { return }
    remembered.append(
      Stroke(onset: onset, peak: peak(onset), frames: range.flatMap { input[$0] }))
  }

  /// Lays the stroke nearest to this peak, in decibels, over what sounds about an event, as far as the next one.
  private mutating func hearAgain(at event: Int, peak: Float) -> Int? {
    guard event >= margin,
      let stroke = remembered.min(by: { abs($0.peak - peak) < abs($1.peak - peak) })
    else { return nil }
    let length = min(body, (events.first ?? .max) - margin - event)
    guard length > 0 else { return nil }
    repeats.append(
      Repeat(
        start: event - margin, frames: Array(stroke.frames.prefix((margin + length) * bands))))
    restless = event + frames(StrokePlacer.patience)
    return event
  }

  // MARK: What comes out

  /// Gives frames up to one of the output, and of the input none from `stop` on: the last before it is held.
  private mutating func tell(until end: Int, stopping stop: Int = .max, _ placed: inout Placed) {
    while told < end {
      let source = max(input.first, min(next, stop - 1, input.end - 1))
      placed.frames += overlaid(input[source])
      told += 1
      next += 1
      if told >= restless, told % StrokePlacer.pace == 0 { next += (told - next).signum() }
    }
  }

  /// The next frame with what is heard again.
  private mutating func overlaid(_ frame: ArraySlice<Float>) -> [Float] {
    var frame = Array(frame)
    for again in repeats where told >= again.start {
      let start = (told - again.start) * bands
      guard start < again.frames.count else { continue }
      for band in 0..<bands { frame[band] = max(frame[band], again.frames[start + band]) }
    }
    let (place, bands) = (told, bands)
    repeats.removeAll { place >= $0.start + $0.frames.count / bands }
    return frame
  }
}
