import Foundation

/// A number of bytes as people write it: `8G`, `512 MiB`, `6500M`; units are powers of 1024.
public struct ByteCount: Sendable, Equatable, CustomStringConvertible {
  public let bytes: Int

  public init(_ bytes: Int) { self.bytes = bytes }

  private static let units = ["k", "m", "g", "t"]

  /// A number, perhaps with a fraction, and perhaps a unit: K, M, G or T, or as in KB, KiB. Nil where the text is
  /// something else.
  public init?(argument: String) {
    let text = argument.lowercased().replacingOccurrences(of: " ", with: "")
    let number = text.prefix { $0.isNumber && $0.isASCII || $0 == "." }
    let suffix = text.dropFirst(number.count)
    var exponent = 0
    if !suffix.isEmpty && suffix != "b" {
      guard let unit = ByteCount.units.firstIndex(of: String(suffix.prefix(1))),
        ["", "b", "ib"].contains(suffix.dropFirst())
      else { return nil }
      exponent = unit + 1
    }
    guard let value = Double(number), value.isFinite else { return nil }
    let bytes = value * pow(1024, Double(exponent))
    guard bytes >= 1, bytes < 0x1p62 else { return nil }
    self.bytes = Int(bytes)
  }

  /// In the largest unit that leaves a number of at least 1, such as `6.4 GiB`.
  public var description: String {
    for (index, unit) in ["KiB", "MiB", "GiB", "TiB"].enumerated().reversed() {
      let size = pow(1024, Double(index + 1))
      if Double(bytes) >= size { return String(format: "%.1f %@", Double(bytes) / size, unit) }
    }
    return "\(bytes) bytes"
  }

  /// At least so many bytes in a form that `init(argument:)` reads, such as `6554M`.
  var argument: String { "\((bytes + (1 << 20) - 1) >> 20)M" }
}
