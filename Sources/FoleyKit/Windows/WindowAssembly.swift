import Media
import Motion

/// Collects motion and pictures frame by frame and cuts them into windows. Holds pictures of the
/// window under way only.
struct WindowAssembly {
  /// How far the clip has been read.
  enum Progress {
    /// A frame at this time is in, so the clip goes on at least as far.
    case reached(Double)
    /// All frames are in, and the length is known.
    case finished(WindowPlan)
  }

  /// What the clip has to show.
  enum Showing { case nothing, stillPicture, video }

  private let givenEvents: EventFile?
  /// Without a prompt and without motion there is nothing to be heard.
  private let mayBeStill: Bool
  private let lastWindow: LastWindow
  private var analyzer = MotionAnalyzer()
  private var visual: PictureGrid?
  private var sync: PictureGrid?
  private var nextWindow = 0

  init(_ request: GenerationRequest, _ needs: WindowNeeds, shows showing: Showing) {
    givenEvents = request.givenEvents
    // Who gives a single picture wants to hear it, still as it is.
    mayBeStill =
      needs.findsStillness && request.prompt.isEmpty && showing != .stillPicture
    lastWindow = needs.lastWindow
    guard showing != .nothing else { return }
    visual = needs.pictures.visual.map(PictureGrid.init)
    sync = needs.pictures.sync.map(PictureGrid.init)
  }

  /// The next frame of the clip, and its small grey picture.
  mutating func add(_ frame: VideoFrame, gray: GrayFrame) throws(MediaError) {
    analyzer.add(gray)
    try visual?.add(frame)
    try sync?.add(frame)
  }

  /// No more frames come.
  mutating func finish(duration: Rational) throws(MediaError) {
    analyzer.finish()
    try visual?.finish(duration: duration)
    try sync?.finish(duration: duration)
  }

  /// The next window, if all it needs is known by now.
  mutating func next(_ progress: Progress) -> WindowMaterial? {
    let start = nextWindow * WindowPlan.hop
    let end = start + WindowPlan.length
    let plan: WindowPlan?
    switch progress {
    case .reached(let time):
      // The window waits for the frames that settle its last events. The clip goes on beyond its end, so
      // another window follows.
      guard time >= Double(end) + MotionAnalyzer.delay else { return nil }
      plan = nil
    case .finished(let whole):
      guard nextWindow < whole.count else { return nil }
      plan = nextWindow == whole.count - 1 ? whole : nil
    }
    let motion = motion
    let first = nextWindow * WindowPlan.latentsPerHop
    let latents = plan.map(lastWindow.latents) ?? WindowPlan.latentsPerWindow
    let kept = start + WindowPlan.hop
    let window = WindowMaterial(
      index: nextWindow, latents: first..<first + latents,
      motion: SyncFeatures.features(
        events: motion.events, energy: motion.energy, start: Double(start),
        frames: latents * Clock.syncRate / Clock.latentRate),
      pictures: WindowPictures(
        visual: visual?.take(from: start, to: end, keepingFrom: kept),
        sync: sync?.take(from: start, to: end, keepingFrom: kept)),
      events: motion.events.filter {
        // The first window begins with what its two seconds of overlap would else have told.
        $0.time >= (nextWindow == 0 ? 0 : Double(end - WindowPlan.hop)) && $0.time < Double(end)
      },
      isStill: mayBeStill && motion.isStill(from: Double(start), to: Double(end)), plan: plan)
    nextWindow += 1
    return window
  }

  /// What was seen so far, or what was given in its place.
  var motion: MotionTrack { givenEvents?.motion ?? analyzer.track }
}

extension MotionTrack {
  /// Energy that a still scene can have from noise and compression.
  static let stillEnergy: Float = 0.05

  /// No event, and hardly any motion anywhere, between two times in seconds.
  func isStill(from start: Double, to end: Double) -> Bool {
    let eventful = events.contains {
      $0.time >= start && $0.time < end && $0.strength >= VisualEvent.threshold
    }
    if eventful { return false }
    let first = min(energy.count, Int(start * MotionTrack.rate))
    let last = min(energy.count, Int(end * MotionTrack.rate))
    return energy[first..<last].allSatisfy { $0 < MotionTrack.stillEnergy }
  }
}
