import Foundation
import TestSupport
import Testing

/// Long runs that are broken off and go on, and parts that are made again, through the real binary.
@Suite(.serialized) struct JournalTests {
  private static let run = ["generate", "clip.mp4", "-p", "rain", "--steps", "3"]

  /// Killed at several moments; FOLEY_SOAK=20 kills 20 times. The moments are counted in what the journal holds, as
  /// seconds say nothing of how far a run is.
  @Test func aKilledRunGoesOn() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 33.3, in: folder)
      let began = Date()
      let run = try Program.run(Self.run + ["-o", "whole.wav", "--keep-journal"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      let took = Date().timeIntervalSince(began)
      let whole = try Data(contentsOf: folder.appendingPathComponent("whole.wav"))
      let full = try size(of: "whole.wav.journal", in: folder)
      try FileManager.default.removeItem(at: folder.appendingPathComponent("whole.wav.journal"))
      let count = ProcessInfo.processInfo.environment["FOLEY_SOAK"].flatMap { Int($0) } ?? 4
      var resumed = 0
      for attempt in 0..<count {
        // From before the first record to after the last but one, and then some way into the next window.
        let share = 0.8 * Double(attempt) / Double(max(count - 1, 1))
        let extra = took / 6 * Double(attempt * 7 % 10) / 10
        let arguments = Self.run + ["-o", "broken.wav", "--overwrite"]
        let process = try Program.start(arguments, in: folder)
        while process.isRunning
          && Double((try? size(of: "broken.wav.journal", in: folder)) ?? 0) < share * Double(full)
        {
          Thread.sleep(forTimeInterval: 0.005)
        }
        let reached = Date()
        while process.isRunning && Date().timeIntervalSince(reached) < extra {
          Thread.sleep(forTimeInterval: 0.005)
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        let again = try Program.run(arguments + ["--resume"], in: folder)
        #expect(again.status == 0, "\(again.error)")
        if again.error.contains("windows are there") { resumed += 1 }
        #expect(try Data(contentsOf: folder.appendingPathComponent("broken.wav")) == whole)
        #expect(try files(in: folder) == ["broken.wav", "clip.mp4", "whole.wav"])
      }
      #expect(2 * resumed >= count, "\(resumed) of \(count) runs had something to resume")
    }
  }

  /// A record that was not written to its end is made again.
  @Test func aTornJournal() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 21, in: folder)
      #expect(
        try Program.run(Self.run + ["-o", "whole.wav", "--keep-journal"], in: folder).status == 0)
      let whole = try Data(contentsOf: folder.appendingPathComponent("whole.wav"))
      let journal = try Data(contentsOf: folder.appendingPathComponent("whole.wav.journal"))
      for length in [journal.count - 1, journal.count / 2, journal.count / 2 + 7] {
        try journal.prefix(length).write(to: folder.appendingPathComponent("torn.wav.journal"))
        let run = try Program.run(
          Self.run + ["-o", "torn.wav", "--resume", "--overwrite"], in: folder)
        #expect(run.status == 0, "\(run.error)")
        #expect(run.error.contains("windows are there"))
        #expect(try Data(contentsOf: folder.appendingPathComponent("torn.wav")) == whole)
      }
      // Damage in the middle: what follows cannot be trusted.
      var damaged = journal
      damaged[journal.count / 3] ^= 1
      try damaged.write(to: folder.appendingPathComponent("torn.wav.journal"))
      let run = try Program.run(
        Self.run + ["-o", "torn.wav", "--resume", "--overwrite"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(try Data(contentsOf: folder.appendingPathComponent("torn.wav")) == whole)
      // Not a journal at all.
      try Data("something else".utf8).write(to: folder.appendingPathComponent("torn.wav.journal"))
      let foreign = try Program.run(
        Self.run + ["-o", "torn.wav", "--resume", "--overwrite"], in: folder)
      #expect(foreign.status == 65)
      #expect(foreign.error.contains("torn.wav.journal: is no journal of foley"))
    }
  }

  @Test func otherParametersAreAnotherRun() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 14.5, in: folder)
      #expect(
        try Program.run(Self.run + ["-o", "a.wav", "--keep-journal"], in: folder).status == 0)
      let run = try Program.run(
        Self.run + ["-o", "a.wav", "--overwrite", "--resume", "--seed", "7"], in: folder)
      #expect(run.status == 65)
      #expect(run.error.contains("it differs in: seed (0, now 7)"))
      try Clips.moving("clip.mp4", seconds: 15, in: folder)
      let other = try Program.run(
        Self.run + ["-o", "a.wav", "--overwrite", "--resume"], in: folder)
      #expect(other.status == 65)
      #expect(other.error.contains("it differs in: clip"))
      // What was not resumed can be made afresh.
      #expect(try Program.run(Self.run + ["-o", "a.wav", "--overwrite"], in: folder).status == 0)
      #expect(try files(in: folder) == ["a.wav", "clip.mp4"])
    }
  }

  @Test func nothingToResume() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 2, in: folder)
      let run = try Program.run(Self.run + ["--resume"], in: folder)
      #expect(run.status == 0)
      #expect(run.error.contains("nothing to resume: starting afresh"))
      #expect(try files(in: folder) == ["clip.mp4", "clip.wav"])
    }
  }

  /// Two processes on one output: the second is told, the first is not disturbed.
  @Test func oneOutputOneProcess() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 20, in: folder)
      let first = try Program.start(
        ["generate", "clip.mp4", "-p", "rain", "--steps", "40", "--progress", "json"], in: folder)
      try Program.waitForStep(first, in: folder)
      let inner = folder.appendingPathComponent("inner")
      try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: false)
      let second = try Program.run(
        ["generate", "../clip.mp4", "-p", "rain", "-o", "../clip.wav"], in: inner)
      #expect(second.status == 75)
      #expect(second.error.contains("another process is"))
      first.waitUntilExit()
      #expect(try Program.finished(first, in: folder).status == 0)
      #expect(try files(in: folder) == ["clip.mp4", "clip.wav", "inner"])
    }
  }

  /// Around a retake the sound stays, byte for byte. Without events: a new stroke may change how those after it are
  /// aligned to what is seen, and how they fade.
  @Test func retake() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 21, in: folder)
      try Data(#"{"events": []}"#.utf8).write(to: folder.appendingPathComponent("none.json"))
      #expect(
        try Program.run(
          Self.run + ["-o", "a.wav", "--keep-journal", "--use-events", "none.json"], in: folder
        ).status == 0)
      let before = try Wave(folder.appendingPathComponent("a.wav")).samples
      // Inside a window, and across the place where two meet.
      for (from, to) in [(1.5, 3.0), (5.0, 6.0), (11.0, 13.5)] {
        let run = try Program.run(
          [
            "retake", "a.wav", "--from", "\(from)", "--to", "\(to)", "--seed", "5", "-o", "b.wav",
            "--overwrite",
          ],
          in: folder)
        #expect(run.status == 0, "\(run.error)")
        let after = try Wave(folder.appendingPathComponent("b.wav")).samples
        #expect(after.count == before.count)
        let changed = zip(before, after).enumerated().filter { $0.element.0 != $0.element.1 }
        let first = Double(try #require(changed.first).offset) / 48_000
        let last = Double(try #require(changed.last).offset) / 48_000
        #expect(first > from - 0.8 && first < from + 0.5, "\(first)")
        #expect(last < to + 0.8 && last > to - 0.5, "\(last)")
      }
      // In place, and what was made again is what the next retake finds.
      let arguments = ["retake", "a.wav", "--from", "11", "--to", "13.5", "--seed", "5"]
      #expect(try Program.run(arguments, in: folder).status == 0)
      #expect(
        try Data(contentsOf: folder.appendingPathComponent("a.wav"))
          == Data(contentsOf: folder.appendingPathComponent("b.wav")))
      #expect(
        try files(in: folder)
          == ["a.wav", "a.wav.journal", "b.wav", "b.wav.journal", "clip.mp4", "none.json"])
    }
  }
}
