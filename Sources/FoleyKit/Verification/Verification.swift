import Foundation
import Media
import Motion
import Signal

/// A sound held against the video it belongs to: what `foley verify` reports.
public struct Verification: Encodable, Sendable {
  /// Events of the picture against onsets of the sound, one to one within 0.3 s.
  public struct Sync: Encodable, Sendable {
    public var events = 0
    public var onsets = 0
    public var matched = 0
    /// Of the matched ones, in milliseconds; positive: the sound is late.
    public var medianOffset: Double?
    public var medianDistance: Double?
    public var worstDistance: Double?
    /// Milliseconds per hour by which the offset grows, and half the width of the middle half of all pairs'
    /// slopes (Theil-Sen): below 20 matches, or a minute between the first and last, it means nothing.
    public var drift: Double?
    public var driftUncertainty: Double?
    /// Median offset in each minute; null where nothing matched.
    public var perMinute: [Double?] = []
  }

  /// A stretch of the sound, in seconds.
  public struct Stretch: Encodable, Sendable {
    public var start: Double
    public var seconds: Double
  }

  public var sound: String
  public var video: String
  public var seconds: Double
  /// Samples the sound has more than the video lasts, at the sound's own rate.
  public var durationDifference: Int
  /// The longest silence in which the picture has an event.
  public var longestGap: Stretch?
  /// Where sound breaks off to exact zeros for 5 ms to 2 s and goes on.
  public var dropouts: [Stretch]
  /// How much the level jumps where windows meet, over how much it does anywhere; 1 is even.
  public var seamRatio: Double?
  public var seams: Int
  public var sync: Sync
  /// LUFS and LU; absent for silence.
  public var loudness: Double?
  public var loudnessRange: Double?
  /// dB of full scale; absent for silence.
  public var truePeak: Double?
  /// Runs of three and more samples at full scale.
  public var clipped: Int
  public var warnings: [String]

  let survey: SoundSurvey
  /// Where windows go on from each other, in seconds.
  let seamTimes: [Double]
  let pairs: [OffsetPair]

  private enum CodingKeys: String, CodingKey {
    case sound, video, seconds, durationDifference, longestGap, dropouts, seamRatio, seams, sync
    case loudness, loudnessRange, truePeak, clipped, warnings
  }

  /// - Parameters:
  ///   - events: to compare with, in place of those seen in the picture.
  ///   - cuts: what became of the sound at them, which tells where windows meet.
  /// - Throws: `MediaError` or `ThreadError`.
  public init(
    sound: String, video: String, events given: EventFile? = nil, cuts: CutHandling = .follow
  ) throws {
    // The sound first: it is quicker to tell that it is none.
    survey = try SoundSurvey(of: sound)
    let seen = try Observation(of: video, cuts: cuts)
    let motion = given?.motion ?? seen.motion
    let strong = motion.events.filter { $0.strength >= VisualEvent.threshold }
    (self.sound, self.video) = (sound, video)
    seconds = survey.seconds
    durationDifference =
      survey.frames
      - (survey.sampleRate == Clock.sampleRate
        ? seen.plan.samples : Int((seen.plan.seconds * Double(survey.sampleRate)).rounded()))
    longestGap = survey.silences.filter { gap in
      strong.contains { $0.time > gap.start + 0.1 && $0.time < gap.start + gap.seconds - 0.3 }
    }.max { $0.seconds < $1.seconds }
    dropouts = survey.dropouts
    seamTimes = seen.seams
    (seamRatio, seams) = survey.seamRatio(at: seamTimes)
    pairs = OffsetPair.matching(onsets: survey.onsets, strong)
    sync = Sync(pairs, events: strong.count, onsets: survey.onsets.count, seconds: survey.seconds)
    (loudness, loudnessRange) = (survey.loudness, survey.loudnessRange)
    (truePeak, clipped) = (survey.truePeak, survey.clipped)
    warnings = seen.warnings
  }
}
