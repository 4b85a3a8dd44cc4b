import Media
import Motion

/// Collects motion and pictures frame by frame and cuts them into windows. Holds pictures of the
/// window under way only.
struct WindowAssembly {
  private let plan: WindowPlan
  private let givenEvents: EventFile?
  /// Without a prompt and without motion there is nothing to be heard.
  private let mayBeStill: Bool
  private var analyzer = MotionAnalyzer()
  private var pictures: PictureGrid?
  private var nextWindow = 0

  init(_ request: GenerationRequest, plan: WindowPlan, pictureSize: Int?) {
    self.plan = plan
    givenEvents = request.givenEvents.map { $0.withEnergy(seconds: plan.seconds) }
    mayBeStill = request.prompt.isEmpty
    pictures = pictureSize.map { PictureGrid(rate: WindowFeed.pictureRate, size: $0) }
  }

  /// The next frame of the clip, and its small grey picture.
  mutating func add(_ frame: VideoFrame, gray: GrayFrame) throws {
    analyzer.add(gray)
    try pictures?.add(frame)
  }

  /// No more frames come.
  mutating func finish() throws {
    analyzer.finish()
    try pictures?.finish(at: plan.seconds)
  }

  /// The next window, if all it needs is known once the frames before `time` are in; nil: no more come.
  mutating func next(at time: Double?) -> WindowMaterial? {
    guard nextWindow < plan.count else { return nil }
    let start = plan.start(of: nextWindow)
    let end = Double(start + WindowPlan.length)
    // Without the end of the clip in the window, it waits for the frames that settle its last events.
    if let time, time < end + MotionAnalyzer.delay { return nil }
    let motion = motion
    let window = WindowMaterial(
      index: nextWindow,
      sync: SyncFeatures.features(
        events: motion.events, energy: motion.energy, start: Double(start),
        frames: WindowPlan.length * Clock.syncRate),
      pictures: pictures?.take(
        from: start, to: start + WindowPlan.length, keepingFrom: start + WindowPlan.hop),
      isStill: mayBeStill && motion.isStill(from: Double(start), to: end))
    nextWindow += 1
    return window
  }

  var track: ClipTrack {
    let motion = motion
    return ClipTrack(events: motion.events, cuts: motion.cuts, energy: motion.energy)
  }

  private var motion: MotionTrack {
    guard let givenEvents else { return analyzer.track }
    return MotionTrack(
      events: givenEvents.events, energy: givenEvents.energy ?? [], cuts: givenEvents.cuts ?? [])
  }
}

extension MotionTrack {
  /// Energy that a still scene can have from noise and compression.
  static let stillEnergy: Float = 0.05

  /// No event, and hardly any motion anywhere, between two times in seconds.
  func isStill(from start: Double, to end: Double) -> Bool {
    if events.contains(where: { $0.time >= start && $0.time < end }) { return false }
    let first = min(energy.count, Int(start * MotionTrack.rate))
    let last = min(energy.count, Int(end * MotionTrack.rate))
    return energy[first..<last].allSatisfy { $0 < MotionTrack.stillEnergy }
  }
}

extension EventFile {
  /// Events without energy get what they would show: a burst each, dying away.
  fileprivate func withEnergy(seconds: Double) -> EventFile {
    guard energy == nil else { return self }
    var result = self
    let count = Int((seconds * MotionTrack.rate).rounded(.up))
    var energy = [Float](repeating: 0, count: count)
    for event in events {
      let start = Int(event.time * MotionTrack.rate)
      var value = event.strength
      var index = max(0, start)
      while index < count && value > 0.01 {
        energy[index] = max(energy[index], value)
        value *= 0.67
        index += 1
      }
    }
    result.energy = energy
    return result
  }
}
