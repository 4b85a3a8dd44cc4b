import Foundation
import Media
import Motion
import Synchronization
import Threads

/// What one window needs of the picture, and where it stands in the clip.
public struct WindowMaterial: Sendable {
  let index: Int
  /// Its latents on the clip's own axis.
  public let latents: Range<Int>
  /// So many of them, from the start, become sound. The next window makes the rest again, going on from them,
  /// or they lie beyond a break or the clip's end.
  package let settled: Int
  /// Nothing before it has a part in it: the clip, or another scene, begins.
  let startsAnew: Bool
  /// The next window goes on from it.
  package let goesOn: Bool
  /// What is to be heard; empty: the picture decides.
  let prompt: String
  /// Motion features, one row for every two latents, [latents / 2, 8], row-major.
  public let motion: [Float]
  /// The pictures wished for; fewer where the scene ends inside the window.
  public let pictures: WindowPictures
  /// Events seen since the window before ended, up to `seenUntil`.
  let events: [VisualEvent]
  /// In seconds; infinite for the last window.
  let seenUntil: Double
  /// Nothing happens and nothing was asked for.
  let isStill: Bool
  /// The true length of the clip, known with its last window.
  let plan: WindowPlan?

  init(
    index: Int, latents: Range<Int>, settled: Int, startsAnew: Bool, goesOn: Bool, prompt: String,
    motion: [Float], pictures: WindowPictures, events: [VisualEvent], seenUntil: Double,
    isStill: Bool, plan: WindowPlan?
  ) {
    self.index = index
    self.latents = latents
    self.settled = settled
    self.startsAnew = startsAnew
    self.goesOn = goesOn
    self.prompt = prompt
    self.motion = motion
    self.pictures = pictures
    self.events = events
    self.seenUntil = seenUntil
    self.isStill = isStill
    self.plan = plan
  }

  /// A window of a clip of its own, whose material is at hand: for comparison with another
  /// implementation.
  public init(latents: Int, pictures: WindowPictures) {
    self.init(
      index: 0, latents: 0..<latents, settled: latents, startsAnew: true, goesOn: false, prompt: "",
      motion: [], pictures: pictures, events: [], seenUntil: .infinity, isStill: false, plan: nil)
  }

  /// Counted from 1.
  var number: Int { index + 1 }

  /// Whether no other window follows.
  var isLast: Bool { plan != nil }

  /// Up to where the sound is made once this window is, in seconds.
  var secondsDone: Double { plan?.seconds ?? Clock.seconds(of: latents.lowerBound + settled) }
}

/// The pictures of one window, for each encoder at its rate; nil where it wished for none.
public struct WindowPictures: Sendable {
  public var visual: [Picture]?
  public var sync: [Picture]?

  public init(visual: [Picture]? = nil, sync: [Picture]? = nil) {
    self.visual = visual
    self.sync = sync
  }
}

/// What windows must hold for whoever takes them.
struct WindowNeeds: Sendable {
  /// The pictures looked at under a prompt.
  var pictures: @Sendable (_ prompt: String) -> PictureWishes = { _ in PictureWishes() }
  /// Lengths the last window of a scene can have.
  var lastWindow = LastWindow(granularity: 2, shortest: 2)
  /// Whether windows in which nothing happens are to be told apart.
  var findsStillness = false
}

/// What was seen in the whole clip.
struct ClipTrack: Sendable {
  var motion = MotionTrack()
  var warnings: [String] = []
}

/// Decodes the video on a thread of its own, follows its motion, and hands over one window after the
/// other. It is at most two windows ahead of who takes them.
final class WindowFeed: Sendable {
  /// The length of the clip as its headers have it; nil where they do not say.
  struct Expectation: Sendable {
    let plan: WindowPlan?
  }

  private let expectations = BoundedQueue<Expectation>(capacity: 1)
  private let windows = BoundedQueue<WindowMaterial>(capacity: 1)
  private let seen = Mutex(ClipTrack())

  /// - Parameter part: of a film that was watched before.
  /// - Throws: where no thread can be started.
  init(
    _ request: GenerationRequest, _ needs: WindowNeeds, part: FilmMaterial? = nil
  ) throws(ThreadError) {
    try detachThread { [self] in
      let result = Result {
        if let part { try follow(part, request, needs) } else { try produce(request, needs) }
      }
      expectations.finish(result)
      windows.finish(result)
    }
  }

  /// Waits until the video is open.
  func expectation() throws -> Expectation {
    guard let expectation = try expectations.next() else {
      preconditionFailure("a feed that ends without having begun")
    }
    return expectation
  }

  /// Waits for the next window; nil after the last.
  func next() throws -> WindowMaterial? { try windows.next() }

  /// Everything seen; complete once `next` has returned nil.
  var track: ClipTrack { seen.withLock { $0 } }

  /// Stops the thread.
  func abandon() { windows.abandon() }

  // MARK: On the thread

  private func produce(_ request: GenerationRequest, _ needs: WindowNeeds) throws {
    switch request.source {
    case .black(let seconds):
      let plan = WindowPlan(duration: Rational(nearest: seconds, timescale: 48_000))
      _ = expectations.put(Expectation(plan: plan))
      var assembly = WindowAssembly(request, needs, shows: .nothing)
      _ = emit(&assembly, .finished(plan))
      seen.withLock { $0.motion = assembly.motion }

    case .video(let path, let start, let end, let pictureSeconds):
      let reader = try VideoReader(path: path, start: start, end: end)
      let isPicture = reader.information.isStill
      guard isPicture || pictureSeconds == nil else {
        throw FoleyError.usage(
          "\(path): is a video, whose length is known; --seconds is for single pictures.")
      }
      try watch(
        reader, request, needs,
        pictureSeconds: isPicture ? pictureSeconds ?? Double(WindowPlan.length) : nil)
    }
  }

  /// - Parameter pictureSeconds: how long the single picture of the file is shown; nil: it is a video.
  private func watch(
    _ reader: VideoReader, _ request: GenerationRequest, _ needs: WindowNeeds,
    pictureSeconds: Double?
  ) throws {
    let shown = pictureSeconds.map { Rational(nearest: $0, timescale: 48_000) }
    let expected = shown ?? reader.expectedDuration
    _ = expectations.put(Expectation(plan: expected.map { WindowPlan(duration: $0) }))
    var assembly = WindowAssembly(
      request, needs, shows: shown == nil ? .video : .stillPicture)
    let gray = PictureSize(ofMotionIn: reader.information)
    while let frame = try reader.next() {
      let picture = try frame.picture(
        width: gray.width, height: gray.height, format: .gray8, fit: .stretch)
      let time = frame.time.seconds
      try assembly.add(
        frame,
        gray: GrayFrame(
          time: time, width: gray.width, height: gray.height, pixels: picture.bytes))
      guard emit(&assembly, .reached(time)) else { return }
    }
    guard let duration = shown ?? reader.finalDuration else {
      preconditionFailure("a video read to its end without a length")
    }
    try assembly.finish(duration: duration)
    _ = emit(&assembly, .finished(WindowPlan(duration: duration)))
    seen.withLock {
      $0 = ClipTrack(
        motion: assembly.motion,
        warnings: reader.warnings.map { "\(reader.path): \($0)" }
          + beyond(duration.seconds, request.cues))
    }
  }

  /// Looks at the pictures of a film's part, if any are wanted; its motion is known.
  private func follow(
    _ part: FilmMaterial, _ request: GenerationRequest, _ needs: WindowNeeds
  ) throws {
    _ = expectations.put(Expectation(plan: part.whole))
    seen.withLock { $0.motion = part.motion }
    var assembly = WindowAssembly(request, needs, shows: .video, part: part)
    if assembly.looks, case .video(let path, let start, let end, _) = request.source {
      let origin = part.origin / Clock.latentRate
      let first = (start ?? 0) + Double(origin)
      // Beyond the part's end, so that its last pictures are on show for as long as they are in the film.
      let last = first + Clock.seconds(of: part.latents.upperBound - part.origin) + 1
      let reader = try VideoReader(path: path, start: first, end: min(end ?? .infinity, last))
      while let frame = try reader.next() {
        try assembly.add(frame)
        let time = Double(origin) + frame.time.seconds
        guard emit(&assembly, .reached(time)) else { return }
      }
      guard let duration = reader.finalDuration else {
        preconditionFailure("a video read to its end without a length")
      }
      try assembly.finish(duration: duration)
    }
    _ = emit(&assembly, .finished(part.whole))
  }

  /// Cues that a clip is too short for.
  private func beyond(_ end: Double, _ cues: CueSheet?) -> [String] {
    let times = (cues?.events.map(\.time) ?? []) + (cues?.ranges.map(\.start) ?? [])
    let count = times.count { $0 >= end }
    guard count > 0 else { return [] }
    return [
      "\(count) of \(times.count) cues lie beyond the clip's end at "
        + "\((end * 1000).rounded() / 1000) s"
    ]
  }

  /// Hands over every window that is complete. False when nobody wants more.
  private func emit(_ assembly: inout WindowAssembly, _ progress: WindowAssembly.Progress) -> Bool {
    while let window = assembly.next(progress) {
      guard windows.put(window) else { return false }
    }
    return true
  }
}

/// The size at which motion is watched: 160 pixels along the longer side, in the clip's own shape.
private struct PictureSize {
  let width: Int
  let height: Int

  init(ofMotionIn video: VideoInformation) {
    let (w, h) = (Double(video.width), Double(video.height))
    let factor = min(160 / max(w, h), 1)
    width = max(16, Int((w * factor).rounded()))
    height = max(16, Int((h * factor).rounded()))
  }
}
