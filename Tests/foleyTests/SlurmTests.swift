import Foundation
import TestSupport
import Testing

/// Scripts/queues/slurm.sbatch in a real queue.
@Suite(.serialized) struct SlurmTests {
  /// Calls `body` with a node, or prints why there is none.
  private func withNode(_ body: (SlurmNode, URL) throws -> Void) throws {
    try withFolder { folder in
      let node: SlurmNode
      do {
        node = try SlurmNode()
      } catch let error as SlurmNode.Unavailable {
        print("skipped: no Slurm here: \(error.reason)")
        return
      }
      try body(node, folder)
    }
  }

  /// - Parameter program: what is run in place of the program.
  /// - Returns: the job's number.
  private func submit(
    _ array: String, program: URL = Program.binary, _ options: [String], in folder: URL,
    to node: SlurmNode
  ) throws -> String {
    let models = Shared.repository.appendingPathComponent("Models").path
    return try node.run(
      "sbatch",
      [
        "--parsable", "--array=\(array)", "--mem=400M", "--chdir=\(folder.path)",
        "--output=\(folder.path)/log-%a.txt",
        "--export=ALL,FOLEY=\(program.path),FOLEY_MODELS=\(models)",
        Shared.repository.appendingPathComponent("Scripts/queues/slurm.sbatch").path,
        "clips", "out", "-p", "rain",
      ] + options)
  }

  private func waitForPartial(_ name: String, in folder: URL) throws {
    let path = folder.appendingPathComponent("out/\(name).wav.partial").path
    for _ in 0..<3000 {
      if FileManager.default.fileExists(atPath: path) { return }
      Thread.sleep(forTimeInterval: 0.02)
    }
    Issue.record("no \(name).wav.partial within a minute")
  }

  /// Eight clips, of which one is broken and one is killed the first time.
  @Test func array() throws {
    try withNode { node, folder in
      try BatchTests.clips(8, in: folder)
      try BatchTests.write("a shopping list", "clips/c2.mp4", in: folder)
      #expect(try BatchTests.batch("clips", "alone", in: folder).status == 1)

      let killing = folder.appendingPathComponent("killing")
      try """
      #!/bin/sh
      if [ "$SLURM_ARRAY_TASK_ID" = 5 ] && [ "${SLURM_RESTART_COUNT:-0}" = 0 ]; then
        '\(Program.binary.path)' "$@" &
        while ! [ -e out/c4.wav.partial ]; do sleep 0.02; done
        kill -9 $!
        exit 137
      fi
      exec '\(Program.binary.path)' "$@"

      """.write(to: killing, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: killing.path)
      let job = try submit("1-8", program: killing, ["--steps", "2"], in: folder, to: node)
      try node.finish(job)

      let tasks = try node.run("scontrol", ["--oneliner", "show", "job", job])
        .split(separator: "\n").map(String.init)
      #expect(tasks.count == 8)
      for task in tasks {
        let isBroken = task.contains(" ArrayTaskId=3 ")
        #expect(task.contains(isBroken ? " ExitCode=1:0 " : " ExitCode=0:0 "), "\(task)")
        #expect(task.contains(task.contains(" ArrayTaskId=5 ") ? " Restarts=1 " : " Restarts=0 "))
      }
      for number in 1...8 {
        let records = try BatchTests.records("out/results-\(number)-of-8.jsonl", in: folder)
        #expect(records.map(\.id) == ["c\(number - 1)"])
        #expect(records.map(\.exitCode) == [number == 3 ? 65 : 0])
      }
      #expect(
        try files(in: folder.appendingPathComponent("out")).filter { !$0.hasSuffix(".jsonl") }
          == [0, 1, 3, 4, 5, 6, 7].map { "c\($0).wav" })
      #expect(try BatchTests.sounds("out", in: folder) == BatchTests.sounds("alone", in: folder))
    }
  }

  /// Time that runs out puts a task back, which then does what is missing; scancel does not.
  @Test func outOfTime() throws {
    try withNode { node, folder in
      try BatchTests.clips(2, in: folder)
      let steps = ["--steps", "20"]
      let job = try submit("1-1", steps, in: folder, to: node)
      try waitForPartial("c0", in: folder)
      // What --signal in the script stands for.
      _ = try node.run("scancel", ["--signal=USR1", "--batch", "\(job)_1"])
      try node.finish(job)
      let state = try node.run("scontrol", ["--oneliner", "show", "job", job])
      let log = try String(contentsOf: folder.appendingPathComponent("log-1.txt"), encoding: .utf8)
      #expect(
        state.contains(" Restarts=1 ") && state.contains(" ExitCode=0:0 "), "\(state)\n\(log)")
      #expect(
        try BatchTests.records("out/results-1-of-1.jsonl", in: folder).map(\.attempts) == [1, 1])

      try FileManager.default.removeItem(at: folder.appendingPathComponent("out"))
      let second = try submit("1-1", steps, in: folder, to: node)
      try waitForPartial("c0", in: folder)
      _ = try node.run("scancel", [second])
      try node.finish(second)
      let cancelled = try node.run("scontrol", ["--oneliner", "show", "job", second])
      #expect(cancelled.contains(" JobState=CANCELLED ") && cancelled.contains(" Restarts=0 "))
      #expect(try !files(in: folder.appendingPathComponent("out")).contains("c1.wav"))
    }
  }
}
