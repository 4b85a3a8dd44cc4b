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

/// What the process has used so far.
public enum ProcessMeasure {
  /// The most memory the process has had resident, in bytes; 0 where the kernel does not tell.
  ///
  /// Not `ru_maxrss`, which begins with what the process had that started this one.
  public static var peakMemory: Int {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({
        Int($0)
      })
    else { return 0 }
    return kilobytes * 1024
  }

  /// Seconds of work by all threads, the system's for them included.
  static var processorSeconds: Double {
    let usage = usage
    return [usage.ru_utime, usage.ru_stime].reduce(0) {
      $0 + Double($1.tv_sec) + Double($1.tv_usec) * 1e-6
    }
  }

  private static var usage: rusage {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage
  }
}
