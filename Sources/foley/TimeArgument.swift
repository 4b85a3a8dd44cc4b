import ArgumentParser
import FoleyKit

/// A time on the command line: seconds (`61.5`) or with colons (`1:01.5`, `0:01:01.5`).
struct TimeArgument: ExpressibleByArgument {
  let seconds: Double

  init?(argument: String) {
    guard let seconds = ClipTime.seconds(argument) else { return nil }
    self.seconds = seconds
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
