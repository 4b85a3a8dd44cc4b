import Foundation
import Motion

/// What is seen in a clip: decoded and watched as for a sound, but none is made.
public struct Observation: Sendable {
  public let plan: WindowPlan
  public let motion: MotionTrack
  /// Where a window goes on from the one before, and where one begins anew, in seconds.
  public let seams: [Double]
  public let breaks: [Double]
  public let warnings: [String]
  /// Seconds it took, and seconds of all processors together.
  public let seconds: Double
  public let processorSeconds: Double

  /// - Parameters:
  ///   - start, end: the part of the clip, in seconds from its first shown picture.
  ///   - cuts: what becomes of the sound at them.
  ///   - pictures: made as well, as the model would look at them.
  /// - Throws: `MediaError` or `ThreadError`.
  public init(
    of path: String, start: Double? = nil, end: Double? = nil, cuts: CutHandling = .follow,
    pictures: PictureWishes = PictureWishes()
  ) throws {
    let (began, used) = (ContinuousClock.now, ProcessMeasure.processorSeconds)
    let request = GenerationRequest(source: .video(path: path, start: start, end: end), cuts: cuts)
    let feed = try WindowFeed(request, WindowNeeds(pictures: { _ in pictures }))
    defer { feed.abandon() }
    var plan: WindowPlan?
    var (seams, breaks): ([Double], [Double]) = ([], [])
    while let window = try feed.next() {
      plan = window.plan
      guard window.index > 0 else { continue }
      let start = Clock.seconds(of: window.latents.lowerBound)
      if window.startsAnew { breaks.append(start) } else { seams.append(start) }
    }
    (self.seams, self.breaks) = (seams, breaks)
    guard let plan else { preconditionFailure("a feed that ended before its last window") }
    self.plan = plan
    let track = feed.track
    (motion, warnings) = (track.motion, track.warnings)
    seconds = (ContinuousClock.now - began).seconds
    processorSeconds = ProcessMeasure.processorSeconds - used
  }
}
