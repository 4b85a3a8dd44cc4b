/// An exact fraction, in lowest terms with a positive denominator: times in seconds, rates in
/// hertz.
///
/// Arithmetic is exact as long as the result fits 64-bit parts, and rounds to the nearest fraction
/// that does otherwise; it never traps, so that a damaged file's absurd times stay harmless.
public struct Rational: Sendable, Hashable {
  public let numerator: Int64
  public let denominator: Int64

  public static let zero = Rational(0)

  /// `numerator / denominator`; the denominator must not be 0.
  public init(_ numerator: Int64, _ denominator: Int64 = 1) {
    precondition(denominator != 0, "a fraction needs a denominator")
    self.init(wide: Int128(numerator), Int128(denominator))
  }

  /// The multiple of 1/`timescale` nearest to `value`, which must be finite.
  public init(nearest value: Double, timescale: Int64) {
    precondition(value.isFinite && timescale > 0)
    let ticks = (value * Double(timescale)).rounded()
    let limit = 9.2e18
    self.init(Int64(max(-limit, min(limit, ticks))), timescale)
  }

  private init(wide numerator: Int128, _ denominator: Int128) {
    var n = denominator < 0 ? -numerator : numerator
    var d = denominator < 0 ? -denominator : denominator
    let divisor = Rational.greatestCommonDivisor(n < 0 ? -n : n, d)
    n /= divisor
    d /= divisor
    let limit = Int128(Int64.max)
    while n > limit || n < -limit || d > limit {
      guard d > 1 else {
        n = n < 0 ? -limit : limit
        break
      }
      n /= 2
      d = max(1, d / 2)
    }
    self.numerator = Int64(n)
    self.denominator = Int64(d)
  }

  private static func greatestCommonDivisor(_ a: Int128, _ b: Int128) -> Int128 {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return max(a, 1)
  }

  public var seconds: Double { Double(numerator) / Double(denominator) }

  /// The nearest whole number of ticks of 1/`rate`, halves away from zero: the length in samples of
  /// a duration in seconds. In integers, so exact; limited to what `Int` holds.
  public func scaled(to rate: Int) -> Int {
    let product = Int128(numerator) * Int128(rate) * 2
    let d = Int128(denominator)
    let doubled = product >= 0 ? product + d : product - d
    return Int(clamping: doubled / (2 * d))
  }

  /// The number of whole ticks of 1/`rate` that have begun before this time: `ceil(self * rate)`.
  public func ticksBegun(rate: Rational) -> Int {
    let n = Int128(numerator) * Int128(rate.numerator)
    let d = Int128(denominator) * Int128(rate.denominator)
    return Int(clamping: n > 0 ? (n - 1) / d + 1 : n / d)
  }

  public static func + (a: Rational, b: Rational) -> Rational {
    if a.denominator == b.denominator {
      return Rational(wide: Int128(a.numerator) + Int128(b.numerator), Int128(a.denominator))
    }
    return Rational(
      wide: Int128(a.numerator) * Int128(b.denominator)
        + Int128(b.numerator) * Int128(a.denominator),
      Int128(a.denominator) * Int128(b.denominator))
  }

  public static prefix func - (a: Rational) -> Rational {
    Rational(wide: -Int128(a.numerator), Int128(a.denominator))
  }

  public static func - (a: Rational, b: Rational) -> Rational { a + -b }

  public static func * (a: Rational, b: Rational) -> Rational {
    Rational(
      wide: Int128(a.numerator) * Int128(b.numerator),
      Int128(a.denominator) * Int128(b.denominator))
  }

  /// `b` must not be 0.
  public static func / (a: Rational, b: Rational) -> Rational {
    precondition(b.numerator != 0, "division by zero")
    return Rational(
      wide: Int128(a.numerator) * Int128(b.denominator),
      Int128(a.denominator) * Int128(b.numerator))
  }
}

extension Rational: Comparable {
  public static func < (a: Rational, b: Rational) -> Bool {
    Int128(a.numerator) * Int128(b.denominator) < Int128(b.numerator) * Int128(a.denominator)
  }
}

extension Rational: CustomStringConvertible {
  public var description: String {
    denominator == 1 ? "\(numerator)" : "\(numerator)/\(denominator)"
  }
}
