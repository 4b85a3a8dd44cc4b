import Foundation
import Testing

/// A Slurm cluster of one node: real daemons (munged, slurmctld, slurmd) with ports, key and state of their own, which
/// end with the test.
final class SlurmNode {
  struct Unavailable: Error { let reason: String }

  private let folder: URL
  private var daemons: [Process] = []
  private let configuration: URL

  /// - Throws: `Unavailable` where it is not installed or its daemons cannot work.
  init() throws {
    // Slurm's configuration takes no blanks.
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("foley-slurm-\(UUID().uuidString)")
    configuration = folder.appendingPathComponent("slurm.conf")
    let missing = ["munged", "slurmctld", "slurmd", "sbatch"].filter { Self.path(of: $0) == nil }
    guard missing.isEmpty else {
      throw Unavailable(reason: "\(missing.joined(separator: ", ")) not installed")
    }
    let manager = FileManager.default
    for name in ["", "state", "spool", "socket", "key"] {
      try manager.createDirectory(
        at: folder.appendingPathComponent(name), withIntermediateDirectories: true,
        attributes: [.posixPermissions: name == "key" ? 0o700 : 0o755])
    }
    let key = folder.appendingPathComponent("key/key").path
    manager.createFile(
      atPath: key, contents: Data((0..<1024).map { _ in .random(in: 0...255) }),
      attributes: [.posixPermissions: 0o400])
    let host = try Self.run("uname", ["-n"]).split(separator: ".").first.map(String.init) ?? ""
    let user = try Self.run("id", ["-un"])
    let port = Int.random(in: 20_000..<60_000)
    try """
    ClusterName=foley
    SlurmctldHost=\(host)(127.0.0.1)
    SlurmctldPort=\(port)
    SlurmdPort=\(port + 1)
    SlurmUser=\(user)
    SlurmdUser=\(user)
    AuthInfo=socket=\(folder.path)/socket/munge
    StateSaveLocation=\(folder.path)/state
    SlurmdSpoolDir=\(folder.path)/spool
    SlurmctldPidFile=\(folder.path)/slurmctld.pid
    SlurmdPidFile=\(folder.path)/slurmd.pid
    ProctrackType=proctrack/linuxproc
    TaskPlugin=task/none
    JobAcctGatherType=jobacct_gather/none
    MpiDefault=none
    SelectType=select/cons_tres
    SelectTypeParameters=CR_CPU
    ReturnToService=2
    NodeName=\(host) NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN
    PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP

    """.write(to: configuration, atomically: true, encoding: .utf8)

    try start(
      "munged",
      [
        "--foreground", "--key-file=\(key)", "--socket=\(folder.path)/socket/munge",
        "--pid-file=\(folder.path)/key/pid", "--log-file=\(folder.path)/key/log",
        "--seed-file=\(folder.path)/key/seed",
      ])
    try wait("munged makes no socket") {
      manager.fileExists(atPath: folder.path + "/socket/munge")
    }
    try start("slurmctld", ["-D", "-f", configuration.path])
    try start("slurmd", ["-D", "-f", configuration.path])
    try wait("the node does not become ready") {
      try run("sinfo", ["--noheader", "--format=%T"]).hasPrefix("idle")
    }
  }

  func end() {
    for daemon in daemons.reversed() {
      daemon.terminate()
      daemon.waitUntilExit()
    }
    daemons = []
    try? FileManager.default.removeItem(at: folder)
  }

  deinit { end() }

  /// A command of Slurm's, its output without the last line's end.
  func run(_ name: String, _ arguments: [String]) throws -> String {
    try Self.run(name, arguments, environment: ["SLURM_CONF": configuration.path])
  }

  /// Whether a job, or a task of it, is waiting or at work.
  func isQueued(_ job: String) throws -> Bool {
    try !run("squeue", ["--noheader", "--jobs", job]).isEmpty
  }

  /// Until all of the job has ended. Slurm lets what is put back wait for two minutes; this does not.
  func finish(_ job: String, within seconds: Double = 240) throws {
    let began = Date()
    while try isQueued(job) {
      try #require(
        Date().timeIntervalSince(began) < seconds,
        "job \(job) does not end: \((try? run("squeue", [])) ?? "")")
      for line in try run(
        "squeue", ["--noheader", "--array", "--jobs", job, "--format=%i %r"]
      ).split(separator: "\n") where line.hasSuffix(" BeginTime") {
        _ = try run("scontrol", ["update", "JobId=\(line.dropLast(10))", "StartTime=now"])
      }
      Thread.sleep(forTimeInterval: 0.3)
    }
  }

  private func start(_ name: String, _ arguments: [String]) throws {
    let process = Process()
    process.executableURL = Self.path(of: name)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    daemons.append(process)
  }

  private func wait(_ reason: String, _ condition: () throws -> Bool) throws {
    let began = Date()
    while try !condition() {
      guard daemons.allSatisfy(\.isRunning), Date().timeIntervalSince(began) < 30 else {
        end()
        throw Unavailable(reason: reason)
      }
      Thread.sleep(forTimeInterval: 0.1)
    }
  }

  private static func path(of name: String) -> URL? {
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/bin"]
      .map { URL(fileURLWithPath: "\($0)/\(name)") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }

  private static func run(
    _ name: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> String {
    let process = Process()
    process.executableURL = try #require(path(of: name), "no \(name)")
    process.arguments = arguments
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
