import Foundation
import TestSupport
import Testing

/// What goes wrong in the middle of a long run, through the real binary.
@Suite(.serialized) struct FaultTests {
  private static let quick = ["--steps", "2", "--json", "-q"]

  /// Sound goes on over packets that cannot be decoded, is as long as the video, and a warning counts them.
  @Test func damagedPackets() throws {
    try withFolder { folder in
      try Clips.moving("whole.mp4", seconds: 20, in: folder)
      var bytes = try Data(contentsOf: folder.appendingPathComponent("whole.mp4"))
      // Between the headers at both ends lie the packets.
      for place in stride(from: bytes.count * 2 / 5, to: bytes.count * 3 / 5, by: 37) {
        bytes[place] ^= 0x5A
      }
      try bytes.write(to: folder.appendingPathComponent("damaged.mp4"))
      let run = try Program.run(["generate", "damaged.mp4"] + Self.quick, in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(run.error.contains("damaged.mp4: "), "no warning")
      #expect(try run.object()["samples"] as? Int == 20 * 48_000)
      #expect(try Clips.sound(of: "damaged.wav", in: folder).count == 20 * 48_000)
    }
  }

  /// Broadcast recordings: the clock jumps forward by an hour, then back.
  @Test func timesThatJump() throws {
    try withFolder { folder in
      var film = Data()
      for (number, offset) in [0, 3600, 20].enumerated() {
        try Clips.moving("part\(number).ts", seconds: 5, offset: Double(offset), in: folder)
        film += try Data(contentsOf: folder.appendingPathComponent("part\(number).ts"))
      }
      try film.write(to: folder.appendingPathComponent("film.ts"))
      let run = try Program.run(["generate", "film.ts"] + Self.quick, in: folder)
      #expect(run.status == 0, "\(run.error)")
      let seconds = try #require(try run.object()["seconds"] as? Double)
      #expect(abs(seconds - 15) < 0.2, "\(seconds) s of sound for 15 s of video")
    }
  }

  /// A deleted file stays readable for whoever has it open.
  @Test func inputDeletedMeanwhile() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 20, in: folder)
      let options = ["-p", "rain", "--steps", "12", "--progress", "json", "-o"]
      #expect(
        try Program.run(["generate", "clip.mp4"] + options + ["a.wav"], in: folder).status == 0)
      let process = try Program.start(["generate", "clip.mp4"] + options + ["b.wav"], in: folder)
      try Program.waitForStep(process, in: folder)
      try FileManager.default.removeItem(at: folder.appendingPathComponent("clip.mp4"))
      process.waitUntilExit()
      #expect(try Program.finished(process, in: folder).status == 0)
      #expect(
        try Data(contentsOf: folder.appendingPathComponent("a.wav"))
          == Data(contentsOf: folder.appendingPathComponent("b.wav")))
    }
  }

  /// The first sound leaves when the first window is done, not with the last.
  @Test func firstSoundIsEarly() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 62, in: folder)
      let process = try Program.start(
        ["generate", "clip.mp4", "-p", "rain", "--progress", "json", "-o", "-"], in: folder)
      let output = folder.appendingPathComponent(".output")
      var windows = 0
      // Three seconds of sound are far more than a header.
      for _ in 0..<3000 {
        let size = try FileManager.default.attributesOfItem(atPath: output.path)[.size] as? Int ?? 0
        let text = String(
          decoding: try Data(contentsOf: folder.appendingPathComponent(".error")), as: UTF8.self)
        windows = text.components(separatedBy: #""event":"window""#).count - 1
        if size > 3 * 96_000 || !process.isRunning { break }
        Thread.sleep(forTimeInterval: 0.02)
      }
      #expect(process.isRunning, "all was made before the first sound came")
      #expect(windows < 4, "\(windows) of 10 windows were made before the first sound came")
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    }
  }
}

/// Disks that are full or may not be written, which takes one of our own.
@Suite(.serialized, .enabled(if: Disk.hindrance == nil, "\(Disk.hindrance ?? "")"))
struct DiskTests {
  /// The error names file and cause, the windows made are kept, and with more room the run goes on.
  @Test func fullDiskKeepsTheJournal() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 33, in: folder)
      let command = ["generate", "clip.mp4", "-p", "rain", "--steps", "2", "-o"]
      #expect(try Program.run(command + ["whole.wav"], in: folder).status == 0)
      try Disk.with("disk", options: "size=2400k", in: folder) {
        let full = try Program.run(command + ["disk/out.wav"], in: folder)
        #expect(full.status == 74, "\(full.error)")
        #expect(full.error.contains("disk/out.wav"))
        #expect(full.error.contains("No space left on device"))
        #expect(try files(in: folder.appendingPathComponent("disk")) == ["out.wav.journal"])
        try Disk.mount("disk", options: "remount,size=20m", in: folder)
        let run = try Program.run(command + ["disk/out.wav", "--resume"], in: folder)
        #expect(run.status == 0, "\(run.error)")
        #expect(run.error.contains("windows are there"))
        #expect(
          try Data(contentsOf: folder.appendingPathComponent("disk/out.wav"))
            == Data(contentsOf: folder.appendingPathComponent("whole.wav")))
      }
    }
  }

  @Test func readOnlyFolder() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 2, in: folder)
      try Disk.with("disk", options: "ro", in: folder) {
        let run = try Program.run(["generate", "clip.mp4", "-o", "disk/out.wav"], in: folder)
        #expect(run.status == 73, "\(run.error)")
        #expect(run.error.contains("disk/out.wav"))
        #expect(run.error.contains("may not be written to"))
      }
    }
  }
}

/// Small disks in memory.
private enum Disk {
  /// Why there can be none; nil: there can.
  static let hindrance: String? = {
    guard getuid() == 0 else { return "small disks of its own need root" }
    do {
      return try withFolder { folder in
        try with("probe", options: "size=100k", in: folder) {}
        return nil
      }
    } catch {
      return "no disk can be mounted here: \(error)"
    }
  }()

  static func with(_ name: String, options: String, in folder: URL, _ body: () throws -> Void)
    throws
  {
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent(name), withIntermediateDirectories: false)
    try mount(name, options: options, in: folder)
    defer { umount2(folder.appendingPathComponent(name).path, Int32(MNT_DETACH)) }
    try body()
  }

  static func mount(_ name: String, options: String, in folder: URL) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/mount")
    process.arguments = [
      "-t", "tmpfs", "-o", options, "tmpfs", folder.appendingPathComponent(name).path,
    ]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.fileWriteNoPermission) }
  }
}
