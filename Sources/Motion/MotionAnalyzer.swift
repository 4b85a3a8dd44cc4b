import Foundation

/// Watches a stream of small grey frames for impacts, motion and cuts.
///
/// Frames may come at any rate and any spacing. State does not grow with the stream, only `track`
/// does. An event is final, and appears in `track`, at most `delay` seconds of frames after it
/// happened.
public struct MotionAnalyzer: Sendable {
  /// The longest time from an event until it is reported.
  public static let delay = 1.0

  public private(set) var track = MotionTrack()

  private var latest = -Double.infinity
  private var repetitions = RepetitionFilter()
  private var previous: PreparedFrame?
  /// Frames that look like nothing before: a flash or the first of a new shot.
  private var pending: [PreparedFrame] = []
  private var arrival: BlockFlow?
  private var arrivalSpan = 0.0
  private var camera = CameraMotion()
  /// The running estimate of the noise, grey levels; nil before the first pair of frames.
  private var noise: Float?
  private var detector = ImpactDetector(columns: 0, rows: 0)
  private var energy = EnergyMeter()
  private var grader = ImpactGrader()
  private var shots = ShotMemory()

  public init() {}

  /// Adds the next frame; one that is not later than the last is passed over.
  public mutating func add(_ frame: GrayFrame) {
    if frame.time <= latest { return }
    latest = frame.time
    for prepared in repetitions.frames(after: PreparedFrame(frame)) { accept(prepared) }
    report(ending: false)
  }

  /// Ends the stream: settles what waits for more frames. Call once.
  public mutating func finish() {
    for frame in repetitions.rest() { accept(frame) }
    let waiting = pending
    pending = []
    // A stream that ends in strange frames: no telling a flash from a cut, so neither is claimed.
    for frame in waiting { energy.add(until: frame.time, level: 0) }
    if let previous {
      detector.add(
        time: previous.time, arrival: arrival, arrivalSpan: arrivalSpan,
        departure: nil, departureSpan: 0)
    }
    report(ending: true)
    track.bridgeFrozenEnd()
  }

  private mutating func report(ending: Bool) {
    let (impacts, settled) = detector.take(ending: ending)
    for impact in impacts { grader.add(impact) }
    track.events += grader.take(until: settled)
    track.energy += energy.take(ending: ending)
  }

  private mutating func accept(_ frame: PreparedFrame) {
    guard let before = previous else {
      restart(with: frame)
      energy.start(at: frame.time)
      return
    }
    if before.full.width != frame.full.width || before.full.height != frame.full.height {
      cut(to: frame)
      return
    }
    if min(frame.full.width, frame.full.height) < Self.smallest {
      energy.add(until: frame.time, level: 0)
      previous = frame
      return
    }
    if !link(before, frame) {
      pending.append(frame)
      // Until the old picture comes back it may be a flash; one that lasts is a new shot.
      if frame.time - pending[0].time >= Self.longestFlash || pending.count > 12 {
        let frames = pending
        pending = []
        cut(to: frames[0])
        for later in frames.dropFirst() { accept(later) }
      }
    } else {
      pending = []
    }
  }

  /// Pictures smaller than this show no motion that could be measured.
  private static let smallest = 32
  private static let disruption: Float = 0.5
  /// A change of brightness that no lamp's flicker makes from one frame to the next.
  private static let jump: Float = 1.2
  private static let longestFlash = 0.16

  /// Joins `frame` to `before`, unless nearly everything differs.
  private mutating func link(_ before: PreparedFrame, _ frame: PreparedFrame) -> Bool {
    let span = frame.time - before.time
    // After half a second without a frame anything may have happened: no reason to doubt.
    let doubtful = span < 0.5
    let (dark, bright) = (min(before.mean, frame.mean), max(before.mean, frame.mean))
    if doubtful && bright - dark > 15 && bright > Self.jump * dark { return false }
    let motion = CameraEstimator.estimate(before: before, now: frame, guess: camera)
    let seen = before.compensated(motion)
    let change = ChangeMap(
      before: seen.half, now: frame.half, noise: noise, camera: motion)
    if doubtful && change.share > Self.disruption { return false }
    // Two unlike pictures can be brought near each other by flattening one.
    if doubtful && change.share > 0.4 * Self.disruption && abs(log(motion.gain)) > 0.3 {
      return false
    }
    let departure = BlockFlow(
      from: seen, to: frame, change: change, span: span,
      shift: (Int((motion.x / 2).rounded()), Int((motion.y / 2).rounded())))
    if doubtful && change.share > 0.6 * Self.disruption && departure.lostShare > 0.75 {
      return false
    }

    let flashed = !pending.isEmpty
    detector.add(
      time: before.time, arrival: arrival, arrivalSpan: arrivalSpan,
      departure: flashed ? nil : departure, departureSpan: span)
    arrival = flashed ? nil : BlockFlow(from: frame, to: seen, change: change, span: span)
    arrivalSpan = span
    energy.add(until: frame.time, level: flashed ? 0 : change.energy)
    noise = (noise ?? change.noise) * 0.9 + change.noise * 0.1
    camera = motion
    previous = frame
    return true
  }

  private mutating func cut(to frame: PreparedFrame) {
    if let previous {
      detector.add(
        time: previous.time, arrival: arrival, arrivalSpan: arrivalSpan, departure: nil,
        departureSpan: 0)
    }
    track.cuts.append(frame.time)
    if shots.isNewPlace(frame, after: previous) { track.newPlaces.append(frame.time) }
    // What moved at the moment of the cut is unknown. A drop to nothing would look like an impact.
    energy.goOn(until: frame.time)
    restart(with: frame)
  }

  private mutating func restart(with frame: PreparedFrame) {
    let grid = BlockFlow.grid(width: frame.full.width, height: frame.full.height)
    if previous == nil || previous?.full.width != frame.full.width
      || previous?.full.height != frame.full.height
    {
      for impact in detector.take(ending: true).impacts { grader.add(impact) }
      detector = ImpactDetector(columns: grid.columns, rows: grid.rows)
    }
    previous = frame
    arrival = nil
    arrivalSpan = 0
    camera = CameraMotion()
    // The grain of one shot says nothing about the next one's.
    noise = nil
  }
}
