import Foundation
import Testing

@testable import Media

/// Files cut off and files with flipped bits: an error or a shorter video, never a crash, a hang,
/// an open file left behind or a word on standard error.
@Suite struct DamageTests {
  static let endings = ["mp4", "fast.mp4", "mkv", "ts", "avi", "webm", "gif"]

  static func clip(_ ending: String) throws -> String {
    let codec: [String] =
      switch ending {
      case "avi": ["-c:v", "mpeg4", "-q:v", "4", "-bf", "2", "-g", "12"]
      case "webm": ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "12"]
      case "gif": []
      case "fast.mp4": Clips.reordered + ["-movflags", "+faststart"]
      default: Clips.reordered
      }
    // Larger and livelier than the numbered pictures, so that most of the file is pictures.
    return try Clips.make(
      "damage.\(ending)",
      ["-f", "lavfi", "-i", "testsrc2=s=160x96:r=25", "-frames:v", "50"] + codec)
  }

  /// Reads to the end; the longest single file may take 30 s, a thousand times what a sound one
  /// takes.
  private func read(_ path: String) -> (frames: Int, duration: Rational, warnings: [MediaWarning])?
  {
    let clock = ContinuousClock()
    let begin = clock.now
    defer { #expect(clock.now - begin < .seconds(30), "\(path) takes too long") }
    do {
      let reader = try VideoReader(path: path, threads: 2)
      var frames = 0
      var last = Rational(-1)
      while let frame = try reader.next() {
        #expect(frame.time > last, "times must rise")
        last = frame.time
        frames += 1
        _ = try frame.picture(width: 16, height: 16, format: .gray8)
      }
      let duration = try #require(reader.finalDuration)
      #expect(duration > last)
      return (frames, duration, reader.warnings)
    } catch let error as MediaError {
      #expect(error.file == path)
      #expect(!error.description.isEmpty)
      return nil
    } catch {
      Issue.record("\(path): \(error)")
      return nil
    }
  }

  @Test(arguments: endings) func truncatedAtEveryTenth(_ ending: String) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: try DamageTests.clip(ending)))
    var most = 0
    for tenth in 0...9 {
      let path = Clips.path("cut-\(tenth).\(ending)")
      try bytes.prefix(bytes.count * tenth / 10).write(to: URL(fileURLWithPath: path))
      let result = read(path)
      if ending == "mp4" {
        // The index lies at the end and is lost.
        #expect(result == nil)
      } else if tenth >= 5 {
        let result = try #require(result, "half a file has frames")
        #expect(result.frames >= most && result.frames < 50)
        most = result.frames
        // A file whose header tells the length shows that it is cut off.
        if ["fast.mp4", "mkv", "webm"].contains(ending), tenth <= 7 {
          #expect(
            result.warnings.contains {
              if case .truncated = $0 { true } else { false }
            }, "\(result)")
        }
      }
      try FileManager.default.removeItem(atPath: path)
    }
    #expect(ending == "mp4" || most > 25)
    #expect(openFiles("cut-") == [])
  }

  @Test(arguments: endings) func flippedBits(_ ending: String) throws {
    let original = try Data(contentsOf: URL(fileURLWithPath: try DamageTests.clip(ending)))
    var generator = SeededGenerator(seed: UInt64(ending.utf8.reduce(0) { $0 * 31 + Int($1) }))
    // 7 files of 30: 210 damaged files, each with one to four bytes changed.
    var readable = 0
    for round in 0..<30 {
      var bytes = original
      for _ in 0...Int.random(in: 0...3, using: &generator) {
        // Half of them in the header, where they do most harm.
        let limit = Bool.random(using: &generator) ? min(600, bytes.count) : bytes.count
        bytes[Int.random(in: 0..<limit, using: &generator)] ^=
          UInt8.random(in: 1...255, using: &generator)
      }
      let path = Clips.path("flip-\(round).\(ending)")
      try bytes.write(to: URL(fileURLWithPath: path))
      if let result = read(path) {
        readable += 1
        // One delay of a GIF may be up to 655 s.
        let limit = ending == "gif" ? Rational(3000) : Rational(120)
        #expect(result.duration < limit, "2 s of frames make \(result.duration) s")
      }
      try FileManager.default.removeItem(atPath: path)
    }
    #expect(readable > 0)
    #expect(openFiles("flip-") == [])
  }

  /// Descriptors of this process that lead to files of this run with such names.
  private func openFiles(_ part: String) -> [String] {
    let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return descriptors.compactMap {
      try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
    }.filter { $0.hasPrefix(Clips.folder) && $0.contains(part) }
      .filter { $0.hasSuffix(" (deleted)") }
  }

  /// FFmpeg's complaints belong into our errors, not onto the terminal.
  @Test func standardErrorStaysSilent() async throws {
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardErrorContent]
    ) {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: try DamageTests.clip("mkv")))
      let path = Clips.path("loud.mkv")
      var damaged = bytes
      for index in stride(from: 900, to: damaged.count, by: 97) { damaged[index] ^= 0x55 }
      try damaged.write(to: URL(fileURLWithPath: path))
      do {
        let reader = try VideoReader(path: path)
        while try reader.next() != nil {}
      } catch is MediaError {}
      try bytes.prefix(40).write(to: URL(fileURLWithPath: path))
      do {
        _ = try VideoReader(path: path)
      } catch is MediaError {}
    }
    #expect(result?.standardErrorContent ?? [1] == [])
  }
}
