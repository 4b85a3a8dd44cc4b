import Foundation
import TestSupport
import Testing

/// A run that gets too little memory says so, ends with 75 and leaves nothing behind, wherever it was.
@Suite(.serialized) struct MemoryTests {
  @Test func tooLittleMemory() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 2, in: folder)
      let command = ["generate", "clip.mp4", "-p", "rain", "--steps", "1", "-t", "2", "-q"]
      let free = try Program.run(command + ["-o", "free.wav"], in: folder)
      try #require(free.status == 0, "\(free.error)")
      let expected = try Data(contentsOf: folder.appendingPathComponent("free.wav"))

      var stopped = 0
      for megabytes in stride(from: 280, through: 720, by: 40) {
        let run = try Program.run(
          command + ["-o", "limited.wav", "--overwrite"], in: folder, megabytes: megabytes)
        let left = try files(in: folder)
        switch run.status {
        case 0:
          #expect(left == ["clip.mp4", "free.wav", "limited.wav"])
          let url = folder.appendingPathComponent("limited.wav")
          #expect(try Data(contentsOf: url) == expected, "at \(megabytes) MB")
          try FileManager.default.removeItem(at: url)
        case 75:
          stopped += 1
          #expect(left == ["clip.mp4", "free.wav"])
          let last = run.error.split(separator: "\n").last ?? ""
          #expect(last.hasPrefix("Error: "), "at \(megabytes) MB: \(run.error)")
          #expect(
            last.contains("out of memory") || last.contains("no further thread"),
            "at \(megabytes) MB: \(run.error)")
        case 127: break  // Not even the libraries could be loaded.
        default: Issue.record("exit code \(run.status) at \(megabytes) MB: \(run.error)")
        }
      }
      #expect(stopped > 0, "no limit was too low")
    }
  }

  /// What the libraries do when a crash has another cause: nothing is left, and the crash is a crash.
  @Test func crash() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 20, in: folder)
      let process = try Program.start(
        ["generate", "clip.mp4", "-p", "rain", "--steps", "200", "--progress", "json"], in: folder,
        environment: ["SWIFT_BACKTRACE": "enable=no"])
      try Program.waitForStep(process, in: folder)
      kill(process.processIdentifier, SIGABRT)
      process.waitUntilExit()
      #expect(process.terminationReason == .uncaughtSignal)
      #expect(process.terminationStatus == SIGABRT)
      #expect(try files(in: folder) == ["clip.mp4"])
    }
  }
}
