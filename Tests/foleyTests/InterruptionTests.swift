import Foundation
import TestSupport
import Testing

/// A run that is ended half-way leaves nothing under a name that looks finished.
@Suite(.serialized) struct InterruptionTests {
  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129)] as [(Int32, Int32)])
  func signal(signal: Int32, status: Int32) throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 20, in: folder)
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
