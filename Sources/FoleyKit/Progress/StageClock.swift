import Foundation

/// Seconds spent in each stage of a run.
struct StageClock {
  private(set) var seconds: [(stage: String, seconds: Double)] = []

  /// Runs a piece of work and adds its time to a stage.
  mutating func measure<Result>(
    _ stage: String, _ work: () throws -> Result
  ) rethrows -> Result {
    let start = ContinuousClock.now
    defer { add(stage, (ContinuousClock.now - start).seconds) }
    return try work()
  }

  mutating func add(_ stage: String, _ time: Double) {
    if let index = seconds.firstIndex(where: { $0.stage == stage }) {
      seconds[index].seconds += time
    } else {
      seconds.append((stage, time))
    }
  }

  var dictionary: [String: Double] {
    Dictionary(uniqueKeysWithValues: seconds.map { ($0.stage, $0.seconds) })
  }
}

extension StageClock: CustomStringConvertible {
  var description: String {
    seconds.map { "\($0.stage) \(String(format: "%.2f", $0.seconds)) s" }.joined(separator: ", ")
  }
}

extension Duration {
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
