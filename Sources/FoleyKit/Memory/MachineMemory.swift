import Foundation

/// What is known of the machine's memory.
enum MachineMemory {
  /// Bytes that programs can still have: what the kernel says, or less where a control group limits it.
  static var available: Int {
    let machine = value("MemAvailable:", in: "/proc/meminfo").map { $0 << 10 }
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
      .compactMap { text($0).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) } }
    let known = [machine].compactMap { $0 } + limits
    return known.min() ?? Int(ProcessInfo.processInfo.physicalMemory)
  }

  /// The number after a label at the start of a line.
  private static func value(_ label: String, in path: String) -> Int? {
    text(path)?.split(separator: "\n").first { $0.hasPrefix(label) }
      .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) }
  }

  /// Nil where there is no such file: each kernel and control group has its own.
  private static func text(_ path: String) -> String? {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
  }
}
