import Foundation
import TestSupport
import Testing

/// How a sound is handed over, through the real binary and judged by the ffmpeg tool.
@Suite(.serialized) struct DeliveryTests {
  @discardableResult
  private func generate(_ arguments: [String], in folder: URL) throws -> Run {
    let run = try Program.run(["generate"] + arguments + ["--steps", "2", "-q"], in: folder)
    try #require(run.status == 0, "\(run.error)")
    return run
  }

  private func delivery(_ run: Run) throws -> [String: Any] {
    try #require(try run.object()["delivery"] as? [String: Any])
  }

  @Test func loudnessIsThatAskedFor() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 9, in: folder)
      for (target, file, more) in [
        ("-23", "a.wav", []), ("-31.5", "b.flac", ["--true-peak", "-6"]),
        ("-26", "c.wav", ["--channels", "2", "--bit-depth", "24"]),
      ] {
        // Steady: where a block lies on the gate, two meters part by a tenth.
        let run = try generate(
          ["clip.mp4", "-p", "an engine idles", "-o", file, "--loudness", target, "--json"] + more,
          in: folder)
        #expect(run.error.isEmpty, "\(run.error)")
        let told = try Clips.loudness(of: file, in: folder)
        #expect(abs(told.integrated - Double(target)!) < 0.1, "\(target): \(told)")
        #expect(told.truePeak <= (more.contains("-6") ? -6 : -1), "\(target): \(told)")
        let report = try delivery(run)
        #expect(abs(try #require(report["loudness"] as? Double) - told.integrated) < 0.06)
        #expect(abs(try #require(report["truePeak"] as? Double) - told.truePeak) < 0.1)
        #expect(report["channels"] as? Int == (file == "c.wav" ? 2 : 1))
      }
      #expect(try files(in: folder) == ["a.wav", "b.flac", "c.wav", "clip.mp4"])
    }
  }

  /// Silence has no loudness, and a sound of peaks alone cannot have any: both are told.
  @Test func loudnessThatCannotBe() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 0.3, in: folder)
      let short = try generate(
        ["clip.mp4", "-p", "rain", "--loudness", "-23", "--progress", "plain", "--json"], in: folder
      )
      let warnings = try #require(try short.object()["warnings"] as? [String])
      #expect(warnings.contains { $0.contains("shorter than 0.4 s") })
      try Clips.moving("long.mp4", seconds: 4, in: folder)
      let loud = try generate(
        ["long.mp4", "-p", "a hammer strikes an anvil", "--loudness", "-5", "--json"], in: folder)
      let told = try #require(try loud.object()["warnings"] as? [String])
      #expect(told.contains { $0.contains("peaks too high for -5.0 LUFS") }, "\(told)")
      let found = try Clips.loudness(of: "long.wav", in: folder)
      #expect(found.truePeak <= -1)
    }
  }

  /// Half the sum of both channels is the mono sound at the gain that is told, within two steps of 16 bits.
  @Test func twoChannelsAreOneInMono() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 4, in: folder)
      let base = ["clip.mp4", "-p", "a hammer strikes an anvil"]
      try generate(base + ["-o", "mono.wav"], in: folder)
      let run = try generate(base + ["-o", "wide.wav", "--channels", "2", "--json"], in: folder)
      let mono = try Wave(folder.appendingPathComponent("mono.wav"))
      let wide = try Wave(folder.appendingPathComponent("wide.wav"))
      #expect(wide.channels == 2 && wide.count == mono.count)
      let gain = pow(10, try #require(try delivery(run)["gain"] as? Double) / 20)
      #expect(gain <= 1)
      let (one, two) = (mono.samples, wide.samples)
      var worst = 0.0
      var (difference, sum) = (0.0, 0.0)
      for index in one.indices {
        let (left, right) = (Double(two[2 * index]), Double(two[2 * index + 1]))
        worst = max(worst, abs((left + right) / 2 - Double(one[index]) * gain))
        difference += (left - right) * (left - right)
        sum += (left + right) * (left + right)
      }
      #expect(worst <= 2 / 32_768, "\(worst * 32_768) steps")
      let side = 10 * log10(difference / sum)
      #expect(side > -20 && side < -3, "the side is \(side) dB from the middle: it is spread")
      #expect(try Clips.loudness(of: "wide.wav", in: folder).truePeak <= -1)
    }
  }

  @Test func broadcastWave() throws {
    try withFolder { folder in
      try Clips.moving("plain.mp4", seconds: 3, in: folder)
      try Clips.remuxed(
        "plain.mp4", "clip.mov", ["-timecode", "01:00:00:05"], in: folder)
      for (file, more, seconds) in [
        ("a.wav", [], 3600.2), ("b.wav", ["--start", "1", "--loudness", "-23"], 3601.2),
      ] as [(String, [String], Double)] {
        try generate(
          ["clip.mov", "-p", "a hammer", "--format", "bwf", "-o", file, "--events", "e.json"]
            + ["--overwrite"] + more, in: folder)
        let tags = try Clips.tags(of: file, in: folder)
        #expect(tags["time_reference"] == String(Int((seconds * 48_000).rounded())))
        #expect(tags["comment"] == "a hammer, for clip.mov")
        #expect(tags["coding_history"]?.hasPrefix("A=PCM,F=48000,W=16,M=mono") == true)
        let list = try #require(
          JSONSerialization.jsonObject(
            with: Data(contentsOf: folder.appendingPathComponent("e.json"))) as? [String: Any])
        let events = try #require(list["events"] as? [[String: Double]])
          .filter { $0["strength"]! >= 0.4 }
        let data = try Data(contentsOf: folder.appendingPathComponent(file))
        let cue = try #require(data.range(of: Data("cue ".utf8))).lowerBound
        let count = data[cue + 8..<cue + 12].reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(count == events.count + (list["cuts"] as? [Double] ?? []).count && count > 0)
        let place = data[cue + 16..<cue + 20].reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(place == Int((events[0]["time"]! * 48_000).rounded()))
      }
      // Samples are those of the plain file.
      try generate(["clip.mov", "-p", "a hammer", "-o", "c.wav"], in: folder)
      #expect(
        try Wave(folder.appendingPathComponent("a.wav")).data
          == Wave(folder.appendingPathComponent("c.wav")).data)
      let pipe = try Program.run(
        ["generate", "clip.mov", "--format", "bwf", "-o", "-"], in: folder)
      #expect(pipe.status == 64 && pipe.error.contains("bwf needs a file"))
    }
  }

  /// A pipe can have a set loudness, too, and the same run gives the same bytes.
  @Test func intoAPipe() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 2, in: folder)
      let options = ["clip.mp4", "-p", "rain", "--loudness", "-24", "--channels", "2"]
      let pipe = try generate(options + ["-o", "-", "--threads", "1"], in: folder)
      try generate(options + ["-o", "a.wav"], in: folder)
      #expect(try Wave(pipe.output).data == Wave(folder.appendingPathComponent("a.wav")).data)
      let kept = try Program.run(
        ["generate"] + options + ["-o", "b.wav", "--keep-journal"], in: folder)
      #expect(kept.status == 64 && kept.error.contains("--keep-journal is for"))
      #expect(try files(in: folder) == ["a.wav", "clip.mp4"])
    }
  }

  /// A run that is broken off amid its stems goes on where it was, to the same bytes.
  @Test func stemsCanBeResumed() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 15, in: folder)
      let options = [
        "generate", "clip.mp4", "--stem", "a=rain", "--stem", "b=footsteps", "--loudness", "-24",
        "--steps", "20", "--progress", "json",
      ]
      let whole = try Program.run(options + ["-o", "whole.wav"], in: folder)
      #expect(whole.status == 0, "\(whole.error)")
      let process = try Program.start(options + ["-o", "torn.wav"], in: folder)
      try Program.waitForStep(process, in: folder)
      kill(process.processIdentifier, SIGINT)
      process.waitUntilExit()
      let torn = try Program.finished(process, in: folder)
      #expect(torn.status == 130, "\(torn.error)")
      let left = try files(in: folder).filter { $0.hasPrefix("torn") }
      #expect(left.contains("torn.a.wav.journal") && !left.contains { $0.hasSuffix(".wav") })
      let resumed = try Program.run(options + ["-o", "torn.wav", "--resume"], in: folder)
      #expect(resumed.status == 0 && resumed.error.contains(#""event":"resumed""#))
      for part in ["", ".a", ".b"] {
        #expect(
          try Data(contentsOf: folder.appendingPathComponent("torn\(part).wav"))
            == Data(contentsOf: folder.appendingPathComponent("whole\(part).wav")))
      }
      #expect(try files(in: folder).allSatisfy { !$0.hasSuffix("journal") })
    }
  }

  /// No more memory for minutes than for seconds, however the sound is delivered.
  @Test func memoryDoesNotGrow() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 10, in: folder)
      try Clips.looped("clip.mp4", "long.mp4", times: 15, in: folder)
      func peak(_ clip: String) throws -> Int {
        let run = try Program.run(
          ["generate", clip, "-p", "rain", "--steps", "1", "-q", "--json", "--loudness", "-23"]
            + ["--channels", "2", "--format", "bwf"], in: folder)
        #expect(run.status == 0, "\(run.error)")
        return try #require(try run.object()["peakMemory"] as? Int)
      }
      let (short, long) = (try peak("clip.mp4"), try peak("long.mp4"))
      #expect(Double(long) < 1.15 * Double(short), "\(short) and \(long) bytes")
    }
  }
}
