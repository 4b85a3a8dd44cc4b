import CMedia
import Foundation

/// Reads a video's frames in presentation order, each with its exact time from the first shown
/// frame.
///
/// Memory does not depend on the video's length. Not for use from several threads at once; the
/// decoder's own threads are inside. `next()` may be called from any one thread at a time.
public final class VideoReader {
  public let path: String
  public let information: VideoInformation

  /// Start of the range in seconds from the first shown frame, on the clock of 1/48000 s.
  public let start: Rational

  /// The range's true length in seconds, once `next()` has returned nil: the end of the last
  /// frame's showing, or of the range. What the header says has no part in it. 0 for a still
  /// picture.
  public private(set) var finalDuration: Rational?

  private let end: Rational?
  private let threads: Int
  private var decoder: Decoder
  private var clock: FrameClock
  private let scalers: ScalerCache
  /// Frames decoded but not given out, with times from the first shown frame of the file.
  private var waiting: [VideoFrame] = []
  private var frameCount = 0
  private var openWarnings: [MediaWarning] = []

  /// The clock on which the ends of a range lie: that of the sound to be made.
  private static let rangeTimescale: Int64 = 48000

  /// Opens a video or picture.
  ///
  /// - Parameters:
  ///   - path: a file, a named pipe, or `-` for standard input.
  ///   - start: where the range starts, in seconds from the first shown frame; 0 or more.
  ///   - end: where the range ends; more than `start`.
  ///   - threads: decoding threads; 0 chooses by the machine, at most 8.
  /// - Throws: `MediaError` when the file has no frame in the range that can be decoded.
  public init(
    path: String, start: Double? = nil, end: Double? = nil, threads: Int = 0
  ) throws(MediaError) {
    precondition((start ?? 0) >= 0 && (start ?? 0).isFinite, "a range starts at 0 or later")
    precondition((end ?? .infinity) > (start ?? 0), "a range ends after its start")
    self.path = path
    self.start = Rational(nearest: start ?? 0, timescale: VideoReader.rangeTimescale)
    self.end = end.flatMap {
      $0.isFinite ? Rational(nearest: $0, timescale: VideoReader.rangeTimescale) : nil
    }
    self.threads =
      threads > 0 ? threads : min(8, ProcessInfo.processInfo.activeProcessorCount)
    scalers = ScalerCache(file: path)
    decoder = try Decoder(path: path, threads: self.threads)
    guard let first = try decoder.next() else { throw decoder.noFrames() }
    let info = decoder.info
    information = VideoInformation(info, firstFrame: first.info, firstTime: first.time)
    clock = FrameClock(
      timeBase: Rational(info.time_base_numerator, info.time_base_denominator),
      nominal: info.frame_rate_denominator > 0 && info.frame_rate_numerator > 0
        ? Rational(info.frame_rate_denominator, info.frame_rate_numerator) : nil,
      mayJump: info.may_jump != 0, stated: information.duration,
      statedIsIndexed: info.duration_is_indexed != 0)
    noteBrokenStart(first)
    waiting = [frame(first)]
    if self.start > .zero { try moveToStart() }
  }

  /// The range's length in seconds as the headers state it, for progress and plans; nil where
  /// unknown.
  public var expectedDuration: Rational? {
    if let finalDuration { return finalDuration }
    guard let whole = information.duration else { return end.map { $0 - start } }
    return max(.zero, (end.map { min($0, whole) } ?? whole) - start)
  }

  /// What was wrong with the file so far; complete once `next()` has returned nil.
  public var warnings: [MediaWarning] {
    var all = openWarnings
    let counters = decoder.counters
    if counters.damaged > 0 { all.append(.damaged(count: Int(counters.damaged))) }
    if counters.read_errors > 0 {
      all.append(.readError(reason: MediaError.ffmpegReason(counters.last_read_error)))
    }
    if clock.repaired > 0, !information.isStill {
      all.append(.repairedTimes(count: clock.repaired))
    }
    if reachedEndOfFile, let stated = information.duration {
      let end = clock.end
      let missing = (stated - end).seconds
      if missing > max(0.5, 0.01 * stated.seconds), !information.isStill {
        all.append(.truncated(end: end.seconds, stated: stated.seconds))
      }
    }
    return all
  }

  private var reachedEndOfFile = false

  /// The next frame of the range, or nil at its end. The frame on screen at the start of the range
  /// comes first, with time 0.
  public func next() throws(MediaError) -> VideoFrame? {
    guard finalDuration == nil else { return nil }
    guard var frame = try nextOfFile() else {
      reachedEndOfFile = true
      let end = information.isStill ? .zero : clock.end
      finalDuration = max(.zero, (self.end.map { min($0, end) } ?? end) - start)
      return nil
    }
    if let end, frame.time >= end {
      finalDuration = end - start
      waiting = []
      return nil
    }
    frame.time = max(.zero, frame.time - start)
    return frame
  }

  private func nextOfFile() throws(MediaError) -> VideoFrame? {
    if !waiting.isEmpty { return waiting.removeFirst() }
    if information.isStill, frameCount > 0 { return nil }
    guard let decoded = try decoder.next() else { return nil }
    return frame(decoded)
  }

  private func frame(_ decoded: DecodedFrame) -> VideoFrame {
    frameCount += 1
    let time = clock.time(ticks: decoded.time, duration: decoded.info.duration)
    return VideoFrame(
      time: time, storage: decoded.storage, info: decoded.info, scalers: scalers)
  }

  private func noteBrokenStart(_ first: DecodedFrame) {
    let packetTime = decoder.counters.first_packet_time
    guard let time = first.time, packetTime != mediaNoTime else { return }
    let skipped = (Rational(time) - Rational(packetTime)) * clock.timeBase
    // Codecs that reorder without saying so start up to a few frames late, and nothing is lost.
    let slack = (clock.nominal ?? Rational(1, 25)) * Rational(3)
    if skipped > slack { openWarnings.append(.brokenStart(skipped: skipped.seconds)) }
  }

  // MARK: Range

  /// Leaves the frame on screen at `start` as the next one.
  private func moveToStart() throws(MediaError) {
    guard !information.isStill else { return }
    try seekNearStart()
    // The frame on screen is the last one that starts at or before the range.
    guard var shown = try nextOfFile() else { throw emptyRange() }
    while true {
      guard let following = try nextOfFile() else {
        guard clock.end > start else { throw emptyRange() }
        waiting = [shown]
        return
      }
      if following.time > start {
        waiting = [shown, following]
        return
      }
      shown = following
    }
  }

  private func emptyRange() -> MediaError {
    .emptyRange(file: path, start: start.seconds, duration: clock.end.seconds)
  }

  /// Key frames are found by decoding time, which lies before presentation time, and some formats
  /// only guess positions: a margin first, more of it while the frame that comes is too late.
  private static let seekMargins = [Rational(1, 2), Rational(2), Rational(8), Rational(32)]

  private func seekNearStart() throws(MediaError) {
    guard decoder.info.can_seek != 0, let origin = clock.origin, clock.missing == 0 else { return }
    for margin in VideoReader.seekMargins where start - margin > Rational(1) {
      let target = (start - margin) / clock.timeBase
      let ticks = Rational(origin) + Rational(target.scaled(to: 1).asInt64)
      guard decoder.seek(ticks: ticks.numerator) else { break }
      clock.seeked()
      if let decoded = try decoder.next(), let time = decoded.time {
        let seconds = (Rational(time) - Rational(origin)) * clock.timeBase
        if seconds <= start, seconds >= .zero {
          waiting = [frame(decoded)]
          return
        }
      }
    }
    try restart()
  }

  /// Opens the file again, to decode it from its beginning.
  private func restart() throws(MediaError) {
    decoder = try Decoder(path: path, threads: threads)
    clock.seeked()
    waiting = []
    guard let first = try decoder.next() else { throw decoder.noFrames() }
    waiting = [frame(first)]
  }
}

extension Int {
  fileprivate var asInt64: Int64 { Int64(self) }
}
