import Foundation
import TestSupport
import Testing

/// The processes of `foley batch`: limits, kills and signals.
@Suite(.serialized) struct BatchProcessTests {
  @Test func limits() throws {
    try withFolder { folder in
      try BatchTests.clips(2, in: folder)
      try BatchTests.write("a.mp4\nb.mp4\nc.mp4\nclips/c0.mp4\n", "list.txt", in: folder)
      let stopped = try BatchTests.batch("list.txt", "out", ["--max-failures", "2"], in: folder)
      #expect(stopped.status == 1)
      #expect(stopped.error.contains("2 not tried"))
      #expect(try BatchTests.records(in: folder).map(\.id) == ["a", "b"])

      try BatchTests.write(
        #"{"id": "a", "video": "clips/c0.mp4"}"# + "\n", "slow.jsonl", in: folder)
      let slow = try Program.run(
        ["batch", "slow.jsonl", "--output-dir", "out", "--steps", "1000", "--timeout", "0.5"],
        in: folder)
      #expect(slow.status == 1)
      let record = try #require(try BatchTests.records(in: folder).first)
      #expect(record.exitCode == 124 && record.attempts == 1)
      #expect(try files(in: folder.appendingPathComponent("out")) == ["results.jsonl"])
    }
  }

  /// Process numbers of a batch's workers.
  private static func workers(of process: Process) throws -> [pid_t] {
    let tasks = "/proc/\(process.processIdentifier)/task"
    return try FileManager.default.contentsOfDirectory(atPath: tasks).flatMap { task in
      (FileManager.default.contents(atPath: "\(tasks)/\(task)/children") ?? Data())
        .split(separator: UInt8(ascii: " "))
        .compactMap { pid_t(String(decoding: $0, as: UTF8.self)) }
    }
  }

  private static func waitForPartial(_ process: Process, in folder: URL) throws {
    for _ in 0..<600 {
      let names = (try? files(in: folder.appendingPathComponent("out"))) ?? []
      if names.contains(where: { $0.hasSuffix(".wav.partial") }) { return }
      try #require(process.isRunning, "it ended by itself")
      Thread.sleep(forTimeInterval: 0.02)
    }
    Issue.record("no item was begun")
  }

  /// A worker that is killed costs nothing but time; one that is killed at every attempt costs its item.
  @Test func killedWorkers() throws {
    try withFolder { folder in
      try BatchTests.clips(4, in: folder)
      let arguments = ["batch", "clips", "--output-dir", "out", "-p", "rain", "--steps", "30"]
      let process = try Program.start(arguments + ["--jobs", "2", "--retries", "50"], in: folder)
      var killed = 0
      for _ in 0..<6 where process.isRunning {
        Thread.sleep(forTimeInterval: 0.25)
        for worker in try Self.workers(of: process).prefix(1) {
          kill(worker, SIGKILL)
          killed += 1
        }
      }
      process.waitUntilExit()
      let run = try Program.finished(process, in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(killed > 0)
      let records = try BatchTests.records(in: folder)
      #expect(records.map(\.status) == ["done", "done", "done", "done"])
      #expect(records.contains { $0.attempts > 1 })
      #expect(
        try files(in: folder.appendingPathComponent("out"))
          == ["c0.wav", "c1.wav", "c2.wav", "c3.wav", "results.jsonl"])

      try BatchTests.write("clips/c0.mp4\n", "line", in: folder)
      let other = try Program.start(
        ["batch", "-", "--output-dir", "out", "--steps", "1000", "--retries", "0"], in: folder,
        input: folder.appendingPathComponent("line"))
      try Self.waitForPartial(other, in: folder)
      for worker in try Self.workers(of: other) { kill(worker, SIGKILL) }
      other.waitUntilExit()
      let failed = try Program.finished(other, in: folder)
      #expect(failed.status == 75, "what failed may go well another time")
      #expect(failed.text.contains("Killed"))
      #expect(
        try !files(in: folder.appendingPathComponent("out")).contains { $0.hasSuffix(".partial") })
    }
  }

  /// A signal lets the items under way come to their end, and the next run does the rest.
  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func signal(signal: Int32, status: Int32) throws {
    try withFolder { folder in
      try BatchTests.clips(4, in: folder)
      let arguments = ["batch", "clips", "--output-dir", "out", "-p", "rain", "--steps", "30"]
      let process = try Program.start(arguments, in: folder)
      try Self.waitForPartial(process, in: folder)
      // A terminal tells the workers, too.
      for worker in try Self.workers(of: process) { kill(worker, signal) }
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      let run = try Program.finished(process, in: folder)
      #expect(run.status == status)
      #expect(run.error.contains("ending after the items under way"))
      let records = try BatchTests.records(in: folder)
      #expect((1...3).contains(records.count), "some were done, some not")
      #expect(records.allSatisfy { $0.status == "done" && $0.attempts == 1 })
      let sounds = records.flatMap(\.outputs)
      #expect(try files(in: folder.appendingPathComponent("out")) == sounds + ["results.jsonl"])

      let rest = try Program.run(arguments + ["--json"], in: folder)
      #expect(rest.status == 0)
      #expect(try rest.object()["unchanged"] as? Int == records.count)
    }
  }

  /// A second signal does not wait, and neither do workers whose batch was killed.
  @Test(arguments: [false, true]) func hardEnd(isKill: Bool) throws {
    try withFolder { folder in
      try BatchTests.clips(2, in: folder)
      let process = try Program.start(
        ["batch", "clips", "--output-dir", "out", "-p", "rain", "--steps", "1000"], in: folder)
      try Self.waitForPartial(process, in: folder)
      let workers = try Self.workers(of: process)
      #expect(workers.count == 1)
      if isKill {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
      } else {
        for _ in 0..<2 {
          kill(process.processIdentifier, SIGINT)
          Thread.sleep(forTimeInterval: 0.2)
        }
        process.waitUntilExit()
        #expect(process.terminationStatus == 130)
      }
      let limit = Date(timeIntervalSinceNow: 5)
      while kill(workers[0], 0) == 0 && Date() < limit { Thread.sleep(forTimeInterval: 0.02) }
      #expect(kill(workers[0], 0) != 0, "the worker has ended")
      #expect(
        try !files(in: folder.appendingPathComponent("out")).contains { $0.hasSuffix(".partial") })

      // What is left does not keep the next run from working.
      #expect(try BatchTests.batch("clips", in: folder).status == 0)
      #expect(
        try files(in: folder.appendingPathComponent("out")) == [
          "c0.wav", "c1.wav", "results.jsonl",
        ])
    }
  }

  /// Two batches cannot write the same records.
  @Test func oneAtATime() throws {
    try withFolder { folder in
      try BatchTests.clips(2, in: folder)
      let process = try Program.start(
        ["batch", "clips", "--output-dir", "out", "-p", "rain", "--steps", "1000"], in: folder)
      try Self.waitForPartial(process, in: folder)
      let second = folder.appendingPathComponent("second")
      try FileManager.default.createDirectory(at: second, withIntermediateDirectories: false)
      let run = try Program.run(
        ["batch", "../clips", "--output-dir", "../out", "-p", "rain"], in: second)
      #expect(run.status == 75)
      #expect(run.error.contains("another process is at work"))
      for _ in 0..<2 {
        kill(process.processIdentifier, SIGTERM)
        Thread.sleep(forTimeInterval: 0.2)
      }
      process.waitUntilExit()
    }
  }
}
