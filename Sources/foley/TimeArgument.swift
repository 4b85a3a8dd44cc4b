import ArgumentParser

/// A time on the command line: seconds (`61.5`) or with colons (`1:01.5`, `0:01:01.5`).
struct TimeArgument: ExpressibleByArgument {
  let seconds: Double

  init?(argument: String) {
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard (1...3).contains(parts.count) else { return nil }
    var total = 0.0
    for (index, part) in parts.enumerated() {
      guard let value = Double(part), value.isFinite, value >= 0,
        part.allSatisfy({ $0.isNumber || $0 == "." }),
        index == 0 || value < 60, index == parts.count - 1 || !part.contains(".")
      else { return nil }
      total = total * 60 + value
    }
    seconds = total
  }

  /// A range of a clip holds something.
  static func checkRange(from start: TimeArgument?, to end: TimeArgument?) throws {
    if let end, end.seconds <= start?.seconds ?? 0 {
      throw ValidationError(
        start == nil
          ? "--end must come after the clip's beginning." : "--end must come after --start.")
    }
  }
}
