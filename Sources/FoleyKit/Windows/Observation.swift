import Foundation
import Motion

/// What is seen in a clip: decoded and watched as for a sound, but none is made.
public struct Observation: Sendable {
  public let plan: WindowPlan
  public let motion: MotionTrack
  public let warnings: [String]
  /// Seconds it took, and seconds of all processors together.
  public let seconds: Double
  public let processorSeconds: Double

  /// - Parameters:
  ///   - start, end: the part of the clip, in seconds from its first shown picture.
  ///   - pictures: made as well, as the model would look at them.
  /// - Throws: `MediaError` or `ThreadError`.
  public init(
    of path: String, start: Double? = nil, end: Double? = nil,
    pictures: PictureWishes = PictureWishes()
  ) throws {
    let (began, used) = (ContinuousClock.now, ProcessMeasure.processorSeconds)
    let request = GenerationRequest(source: .video(path: path, start: start, end: end))
    let feed = try WindowFeed(request, WindowNeeds(pictures: pictures))
    defer { feed.abandon() }
    var plan: WindowPlan?
    while let window = try feed.next() { plan = window.plan }
    guard let plan else { preconditionFailure("a feed that ended before its last window") }
    self.plan = plan
    let track = feed.track
    (motion, warnings) = (track.motion, track.warnings)
    seconds = (ContinuousClock.now - began).seconds
    processorSeconds = ProcessMeasure.processorSeconds - used
  }
}
