import Foundation
import TestSupport
import Testing

/// A run that is ended half-way leaves nothing under a name that looks finished.
@Suite(.serialized) struct InterruptionTests {
  /// A single window leaves nothing to go on from, so the run ends at once.
  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129)] as [(Int32, Int32)])
  func signal(signal: Int32, status: Int32) throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 6, in: folder)
      let process = try Program.start(
        ["generate", "clip.mp4", "-p", "rain", "--steps", "200", "--progress", "json"], in: folder)
      try Program.waitForStep(process, in: folder)
      #expect(try files(in: folder) == ["clip.mp4", "clip.wav.partial"])
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      let run = try Program.finished(process, in: folder)
      #expect(run.status == status)
      #expect(run.error.contains("unfinished files were removed"))
      #expect(try files(in: folder) == ["clip.mp4"])
    }
  }

  /// A longer run finishes its window and can be resumed; a second signal does not wait for that.
  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func signalInALongRun(signal: Int32, status: Int32) throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 20, in: folder)
      let arguments = ["generate", "clip.mp4", "-p", "rain", "--steps", "30", "--progress", "json"]
      let process = try Program.start(arguments, in: folder)
      try Program.waitForStep(process, in: folder)
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      let run = try Program.finished(process, in: folder)
      #expect(run.status == status)
      #expect(run.error.contains("--resume goes on from there"))
      #expect(try files(in: folder) == ["clip.mp4", "clip.wav.journal"])

      let impatient = try Program.start(arguments + ["--resume"], in: folder)
      try Program.waitForStep(impatient, in: folder)
      for _ in 0..<2 {
        kill(impatient.processIdentifier, signal)
        Thread.sleep(forTimeInterval: 0.2)
      }
      impatient.waitUntilExit()
      #expect(try Program.finished(impatient, in: folder).status == status)
      #expect(try files(in: folder) == ["clip.mp4", "clip.wav.journal"])
    }
  }

  @Test func kill9() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 20, in: folder)
      let process = try Program.start(
        ["generate", "clip.mp4", "-p", "rain", "--steps", "200", "--progress", "json"], in: folder)
      try Program.waitForStep(process, in: folder)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      #expect(try !files(in: folder).contains("clip.wav"))
    }
  }
}
