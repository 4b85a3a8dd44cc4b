import Foundation
import TestSupport
import Testing

/// A Slurm cluster of one node with daemons of its own (slurm_node.py), which end with the test.
final class SlurmNode {
  struct Unavailable: Error { let reason: String }

  private let folder: URL
  private let supervisor: pid_t

  /// - Throws: `Unavailable` where it is not installed or its daemons cannot work.
  init() throws {
    // Slurm's configuration takes no blanks.
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("foley-slurm-\(UUID().uuidString)")
    let script = Shared.repository.appendingPathComponent("Tests/foleyTests/slurm_node.py").path
    let owner = ProcessInfo.processInfo.processIdentifier
    let answer = try Self.run("python3", [script, folder.path, "\(owner)"])
    guard let pid = answer.split(separator: " ").last.flatMap({ pid_t($0) }),
      answer.hasPrefix("ready ")
    else { throw Unavailable(reason: answer) }
    supervisor = pid
  }

  deinit { kill(supervisor, SIGTERM) }

  /// A command of Slurm's, its output without the last line's end.
  func run(_ name: String, _ arguments: [String]) throws -> String {
    try Self.run(
      name, arguments,
      environment: ["SLURM_CONF": folder.appendingPathComponent("slurm.conf").path])
  }

  /// Until all of the job has ended. Slurm lets what is put back wait for two minutes; this does not.
  func finish(_ job: String, within seconds: Double = 240) throws {
    let began = Date()
    while true {
      let tasks = try run("squeue", ["--noheader", "--array", "--jobs", job, "--format=%i %r"])
      if tasks.isEmpty { return }
      try #require(
        Date().timeIntervalSince(began) < seconds, "job \(job) does not end: \(tasks)")
      for task in tasks.split(separator: "\n") where task.hasSuffix(" BeginTime") {
        let id = task.prefix { $0 != " " }
        // The node has to be done with the task's first try.
        Thread.sleep(forTimeInterval: 2)
        _ = try run("scontrol", ["update", "JobId=\(id)", "StartTime=now"])
      }
      Thread.sleep(forTimeInterval: 0.3)
    }
  }

  private static func run(
    _ name: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [name] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let output = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
  }
}
