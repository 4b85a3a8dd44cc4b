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

  /// What is followed in place of what is seen.
  private let given: MotionTrack?
  /// The first latent that is not asked for.
  private let end: Int
  /// Latents before the first picture: a whole number of seconds.
  private let origin: Int
  private let cues: CueSheet?
  private let breaks: SceneBreaks
  private let needs: WindowNeeds
  /// Without a prompt and without motion there is nothing to be heard.
  private let mayBeStill: Bool
  private var analyzer = MotionAnalyzer()
  private var visual: PictureGrid?
  private var sync: PictureGrid?
  private var nextWindow: Int
  /// The first latent of the next window; nil after the last.
  private var start: Int?
  /// The first latent of its scene.
  private var scene: Int
  /// Up to where events have been handed over, in latents.
  private var told: Int

  /// - Parameter part: of a film that was watched before; nil: the whole of a clip, as it is watched now.
  init(
    _ request: GenerationRequest, _ needs: WindowNeeds, shows showing: Showing,
    part: FilmMaterial? = nil
  ) {
    (given, cues) = (part?.motion ?? request.givenEvents?.motion, request.cues)
    let latents = part?.latents ?? 0..<Int.max
    (start, scene, told, end) = (
      latents.lowerBound, latents.lowerBound, latents.lowerBound, latents.upperBound
    )
    (nextWindow, origin) = (part?.firstWindow ?? 0, part?.origin ?? 0)
    breaks = SceneBreaks(request)
    self.needs = needs
    // Who gives a single picture wants to hear it, still as it is.
    mayBeStill = needs.findsStillness && showing != .stillPicture
    guard showing != .nothing else { return }
    let wishes = request.prompts.map(needs.pictures)
    visual = wishes.lazy.compactMap(\.visual).first.map(PictureGrid.init)
    sync = wishes.lazy.compactMap(\.sync).first.map(PictureGrid.init)
  }

  /// Whether any pictures are wanted.
  var looks: Bool { visual != nil || sync != nil }

  /// The next frame of the clip, and its small grey picture.
  mutating func add(_ frame: VideoFrame, gray: GrayFrame) throws(MediaError) {
    analyzer.add(gray)
    try add(frame)
  }

  /// The next frame of a clip whose motion is known.
  mutating func add(_ frame: VideoFrame) throws(MediaError) {
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
    guard let start, start < self.end else { return nil }
    let motion = motion
    let longest = start + WindowPlan.latentsPerWindow
    // Where the scene ends within this window, be it by a break or with the clip.
    var end = breaks.first(after: scene, cuts: motion.newPlaces).flatMap {
      $0 <= longest ? $0 : nil
    }
    var plan: WindowPlan?
    switch progress {
    case .reached(let time):
      // The window waits for the frames that settle its last events and cuts. The clip goes on beyond its end,
      // so another window follows.
      guard time >= Double(end ?? longest) / Double(Clock.latentRate) + MotionAnalyzer.delay else {
        return nil
      }
    case .finished(let whole):
      guard start < whole.latents else { return nil }
      if whole.latents <= min(end ?? .max, longest) { (end, plan) = (whole.latents, whole) }
    }
    let settled = end.map { $0 - start } ?? WindowPlan.latentsPerHop
    let window = material(
      start..<(end ?? longest), settled: settled, goesOn: end == nil, motion: motion, plan: plan)
    nextWindow += 1
    told = end ?? longest
    if end != nil { scene = start + settled }
    self.start = plan == nil ? start + settled : nil
    return window
  }

  /// - Parameter seen: what the window sees of its scene.
  private mutating func material(
    _ seen: Range<Int>, settled: Int, goesOn: Bool, motion: MotionTrack, plan: WindowPlan?
  ) -> WindowMaterial {
    let seconds = Clock.seconds(seen)
    let prompt = breaks.prompt(at: scene)
    let wishes = needs.pictures(prompt)
    let shown = seen.lowerBound - origin..<seen.upperBound - origin
    let kept = shown.lowerBound + settled
    let (visible, moving) = (
      visual?.take(shown, keepingFrom: kept), sync?.take(shown, keepingFrom: kept)
    )
    let length = goesOn ? seen.count : needs.lastWindow.latents(holding: seen.count)
    return WindowMaterial(
      index: nextWindow, latents: seen.lowerBound..<seen.lowerBound + length, settled: settled,
      startsAnew: seen.lowerBound == scene, goesOn: goesOn, prompt: prompt,
      motion: SyncFeatures.features(
        // The next scene is none of this one's.
        events: motion.events.filter { plan != nil || goesOn || $0.time < seconds.upperBound },
        energy: plan != nil || goesOn
          ? motion.energy
          : Array(motion.energy.prefix(seen.upperBound * Clock.syncRate / Clock.latentRate)),
        scene: Clock.seconds(of: scene), start: seconds.lowerBound,
        frames: length * Clock.syncRate / Clock.latentRate),
      pictures: WindowPictures(
        visual: wishes.visual == nil ? nil : visible, sync: wishes.sync == nil ? nil : moving),
      events: motion.events.filter {
        // The window before has told of the overlap.
        $0.time >= Clock.seconds(of: told)
          && $0.time < (plan == nil ? seconds.upperBound : .infinity)
      },
      seenUntil: plan == nil ? seconds.upperBound : .infinity,
      isStill: mayBeStill && prompt.isEmpty
        && motion.isStill(from: seconds.lowerBound, to: seconds.upperBound),
      plan: plan)
  }

  /// What was seen so far, or what was given in its place.
  var motion: MotionTrack {
    if let given { return given }
    var track = analyzer.track
    if let cues, !cues.events.isEmpty { track.events = cues.events }
    return track
  }
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
