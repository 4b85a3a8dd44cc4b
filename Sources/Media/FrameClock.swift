/// Turns the times a decoder gives into exact, strictly rising seconds from the first shown frame.
///
/// Good times pass unchanged. Missing ones follow at the frame rate, repeated or backward ones are
/// squeezed in at half a frame, so that one surplus frame does not push all later ones; jumps that
/// the format allows (broadcast streams) or that contradict the file's length are closed.
struct FrameClock {
  let timeBase: Rational
  /// Nominal frame duration in seconds; nil where the file states no frame rate.
  let nominal: Rational?
  /// The stream's time may jump, as in recorded broadcasts.
  let mayJump: Bool
  /// The container's length in seconds from the first frame, where it states one.
  var stated: Rational?
  /// The stated length comes from an index or edit list and so settles the last frame's end.
  let statedIsIndexed: Bool

  /// The first frame's time in ticks, known once a frame states a time.
  private(set) var origin: Int64?
  /// Times that were stated but contradict their neighbours.
  private(set) var repaired = 0
  /// Times that were not stated; normal for raw streams and for the last reordered frames of old
  /// formats.
  private(set) var missing = 0
  private var shift = Rational.zero
  private var last: Rational?
  private var lastDuration = Rational.zero
  private var longestGap = Rational.zero

  /// Gaps up to this are always believed.
  private static let plausibleGap = Rational(30)
  private static let plausibleGapOfJumpingFormats = Rational(10)

  init(
    timeBase: Rational, nominal: Rational?, mayJump: Bool, stated: Rational?,
    statedIsIndexed: Bool
  ) {
    self.timeBase = timeBase
    self.nominal = nominal
    self.mayJump = mayJump
    self.stated = stated
    self.statedIsIndexed = statedIsIndexed
  }

  /// The time of the next frame in presentation order. `ticks` nil where the frame states none.
  mutating func time(ticks: Int64?, duration ticksLong: Int64) -> Rational {
    let time = nextTime(ticks)
    if let last { longestGap = max(longestGap, time - last) }
    last = time
    lastDuration = ticksLong > 0 ? Rational(ticksLong) * timeBase : .zero
    return time
  }

  private mutating func nextTime(_ ticks: Int64?) -> Rational {
    let step = nominal ?? Rational(1, 25)
    guard let ticks else {
      missing += 1
      return last.map { $0 + step } ?? .zero
    }
    guard let origin else {
      // The frames before this one, if any, had no times: they count back from here.
      let time = last.map { $0 + step } ?? .zero
      self.origin = ticks
      shift = time
      return time
    }
    let stated = (Rational(ticks) - Rational(origin)) * timeBase
    let time = stated + shift
    guard let last else { return time }
    let gap = time - last
    if mayJump, gap > FrameClock.plausibleGapOfJumpingFormats || gap < Rational(-1) {
      repaired += 1
      shift = shift + last + step - time
      return last + step
    }
    if gap <= .zero {
      repaired += 1
      return last + step / Rational(2)
    }
    if gap > FrameClock.plausibleGap, isBeyondTheFile(time) {
      repaired += 1
      return last + step
    }
    return time
  }

  /// Whether a time contradicts the length that the container states so much that it must be
  /// damage.
  private func isBeyondTheFile(_ time: Rational) -> Bool {
    guard let stated else { return time - (last ?? .zero) > Rational(3600) }
    return time > stated * Rational(2) + FrameClock.plausibleGap
  }

  /// Forgets where it was, for a seek; the origin stays.
  mutating func seeked() {
    last = nil
    shift = .zero
  }

  /// When the last frame's showing ends, in seconds from the first frame.
  var end: Rational {
    guard let last else { return .zero }
    var shown = lastDuration
    if let nominal, shown == .zero || abs(shown - nominal) <= timeBase { shown = nominal }
    if shown == .zero { shown = longestGap > .zero ? longestGap : Rational(1, 25) }
    if shown > FrameClock.plausibleGap, isBeyondTheFile(last + shown) {
      shown = nominal ?? Rational(1, 25)
    }
    let end = last + shown
    // With reordered frames of variable rate, a packet's duration belongs to another frame; an edit
    // list may also end within the last frame. Headers are coarse, so a difference below 2 ms says
    // nothing.
    if statedIsIndexed, let stated, stated > last, abs(stated - end) > Rational(2, 1000),
      stated <= last + max(shown, longestGap)
    {
      return stated
    }
    return end
  }

  private func abs(_ value: Rational) -> Rational { value < .zero ? -value : value }
}
