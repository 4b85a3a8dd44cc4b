/// A time of day as films count it: hours, minutes, seconds and pictures (SMPTE ST 12-1).
public struct Timecode: Sendable, Equatable, CustomStringConvertible {
  /// As it is written: `01:00:00:00`, with `;` or `.` before the pictures where numbers are dropped.
  public let description: String
  /// Seconds from midnight, by the true rate: an hour of 23.976 pictures a second lasts 3603.6 s.
  public let time: Rational

  /// Nil where the text is no time code, or has more pictures in a second than the rate.
  ///
  /// - Parameter rate: pictures per second.
  public init?(_ text: String, rate: Rational) {
    let drops = text.contains(";") || text.contains(".")
    let parts = text.split(whereSeparator: { ":;.".contains($0) }).map { Int64($0) }
    guard parts.count == 4, rate > .zero, let hours = parts[0], let minutes = parts[1],
      let seconds = parts[2], let pictures = parts[3]
    else { return nil }
    let perSecond = Int64(rate.scaled(to: 1))
    guard perSecond > 0, (0..<24).contains(hours), (0..<60).contains(minutes),
      (0..<60).contains(seconds), (0..<perSecond).contains(pictures)
    else { return nil }
    var count = ((hours * 60 + minutes) * 60 + seconds) * perSecond + pictures
    if drops {
      // Two numbers (at 59.94 four) are left out in every minute but each tenth.
      let minute = hours * 60 + minutes
      count -= (perSecond / 15) * (minute - minute / 10)
    }
    description = text
    time = Rational(count) / rate
  }
}
