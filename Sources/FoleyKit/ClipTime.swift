/// A time as people write it: seconds (`61.5`) or with colons (`1:01.5`, `0:01:01.5`).
public enum ClipTime {
  /// In seconds; nil where the text is none.
  public static func seconds(_ text: some StringProtocol) -> Double? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard (1...3).contains(parts.count) else { return nil }
    var total = 0.0
    for (index, part) in parts.enumerated() {
      guard let value = Double(part), value.isFinite, value >= 0,
        part.allSatisfy({ $0.isNumber || $0 == "." }),
        index == 0 || value < 60, index == parts.count - 1 || !part.contains(".")
      else { return nil }
      total = total * 60 + value
    }
    return total
  }
}
