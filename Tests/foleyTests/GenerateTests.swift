import Foundation
import TestSupport
import Testing

/// The program's main work, through the real binary with the real model.
@Suite(.serialized) struct GenerateTests {
  /// Few steps: these tests are about the program, not about how good the sound is.
  private static let quick = ["--steps", "2"]

  private func generate(_ arguments: [String], in folder: URL) throws -> Run {
    let steps = arguments.contains("--steps") ? [] : Self.quick
    let run = try Program.run(["generate"] + arguments + steps, in: folder)
    try #require(run.status == 0, "\(run.error)")
    return run
  }

  @Test func sameSeedSameBytes() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 9.5, in: folder)
      let variants = [
        "one.wav": ["--seed", "5", "--threads", "1"], "two.wav": ["--seed", "5", "--threads", "2"],
        "again.wav": ["--seed", "5", "--threads", "2"], "other.wav": ["--seed", "6"],
      ]
      for (name, arguments) in variants {
        let run = try generate(
          ["clip.mp4", "-p", "a hammer strikes an anvil", "-o", name] + arguments, in: folder)
        #expect(run.output.isEmpty, "standard output carries results alone")
      }
      func bytes(_ name: String) throws -> Data {
        try Data(contentsOf: folder.appendingPathComponent(name))
      }
      #expect(try bytes("one.wav") == bytes("two.wav"), "1 and 2 threads")
      #expect(try bytes("two.wav") == bytes("again.wav"), "twice the same")
      #expect(try bytes("two.wav") != bytes("other.wav"), "another seed")
      let peak = try Wave(folder.appendingPathComponent("one.wav")).samples.map(abs).max() ?? 0
      #expect(peak > 0.001, "there is a sound")
    }
  }

  /// In integers the bytes are others, but again the same with any number of threads.
  @Test func precision() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 2, in: folder)
      let base = ["clip.mp4", "-p", "a hammer strikes an anvil", "--bit-depth", "32f"]
      for (name, arguments) in [
        "one.wav": ["--precision", "int8", "--threads", "1"],
        "two.wav": ["--precision", "int8", "--threads", "2"], "single.wav": ["--precision", "f32"],
        "usual.wav": [],
      ] {
        _ = try generate(base + ["-o", name] + arguments, in: folder)
      }
      func bytes(_ name: String) throws -> Data {
        try Data(contentsOf: folder.appendingPathComponent(name))
      }
      #expect(try bytes("one.wav") == bytes("two.wav"), "1 and 2 threads")
      #expect(try bytes("one.wav") != bytes("single.wav"), "another precision")
      #expect(try bytes("usual.wav") == bytes("single.wav"), "what the model is used to")
    }
  }

  @Test(arguments: [
    ("25", 2.0, 96_000), ("30000/1001", 66 * 1001 / 30_000.0, 105_706), ("7", 3 / 7.0, 20_571),
    ("24", 14.125, 678_000),
  ]) func length(rate: String, seconds: Double, samples: Int) throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: seconds, rate: rate, in: folder)
      let run = try generate(["clip.mp4", "-p", "rain", "--json"], in: folder)
      #expect(try Wave(folder.appendingPathComponent("clip.wav")).count == samples)
      #expect(try run.object()["samples"] as? Int == samples)
    }
  }

  @Test func range() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 4, in: folder)
      _ = try generate(
        ["clip.mp4", "-p", "rain", "--start", "0:01.5", "--end", "2.75", "-o", "a.wav"], in: folder)
      #expect(try Wave(folder.appendingPathComponent("a.wav")).count == 60_000)
    }
  }

  @Test func formats() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let base = ["clip.mp4", "-p", "rain"]
      for (depth, bits, kind) in [("16", 16, 1), ("24", 24, 1), ("32f", 32, 3)] {
        _ = try generate(base + ["--bit-depth", depth, "-o", "\(depth).wav"], in: folder)
        let wave = try Wave(folder.appendingPathComponent("\(depth).wav"))
        #expect(wave.bits == bits)
        #expect(wave.kind == kind)
        #expect(wave.sampleRate == 48_000)
        #expect(wave.channels == 1)
        #expect(wave.count == 48_000)
      }
      _ = try generate(base + ["-o", "sound.flac"], in: folder)
      let start = try Data(contentsOf: folder.appendingPathComponent("sound.flac")).prefix(4)
      #expect(start.elementsEqual("fLaC".utf8))
      let flac = try Clips.sound(of: "sound.flac", in: folder)
      #expect(try flac == Wave(folder.appendingPathComponent("16.wav")).samples, "the same samples")

      let piped = try generate(base + ["-o", "-", "-q"], in: folder)
      #expect(piped.error.isEmpty)
      let wave = try Wave(piped.output)
      #expect(try wave.data == Wave(folder.appendingPathComponent("16.wav")).data)
    }
  }

  @Test func report() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 2, in: folder)
      let run = try generate(
        ["clip.mp4", "--json", "--events", "events.json", "--plot", "plot.png", "--seed", "9"],
        in: folder)
      let report = try run.object()
      let output = try #require(report["output"] as? [String: Any])
      #expect(output["audio"] as? String == "clip.wav")
      #expect(output["plot"] as? String == "plot.png")
      #expect(output["events"] as? String == "events.json")
      #expect(report["seconds"] as? Double == 2)
      let parameters = try #require(report["parameters"] as? [String: Any])
      #expect(parameters["seed"] as? Int == 9)
      #expect(parameters["steps"] as? Int == 2)
      #expect((report["peakMemory"] as? Int ?? 0) > 10_000_000)
      let timings = try #require(report["timings"] as? [String: Any])
      #expect((timings["total"] as? Double ?? 0) > 0)
      let events = try #require(report["events"] as? [[String: Any]])
      let file = try #require(
        JSONSerialization.jsonObject(
          with: Data(contentsOf: folder.appendingPathComponent("events.json"))) as? [String: Any])
      #expect((file["events"] as? [Any])?.count == events.count)
      let png = try Data(contentsOf: folder.appendingPathComponent("plot.png"))
      #expect(png.prefix(4) == Data([0x89, 0x50, 0x4E, 0x47]))
      #expect(try files(in: folder) == ["clip.mp4", "clip.wav", "events.json", "plot.png"])
    }
  }

  @Test func muxKeepsThePictures() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 2, in: folder)
      _ = try generate(["clip.mp4", "-p", "rain", "--mux", "new.mp4"], in: folder)
      #expect(try files(in: folder) == ["clip.mp4", "new.mp4"], "only what was asked for")
      let packets = try Clips.videoPackets("clip.mp4", in: folder)
      #expect(packets.count == 50)
      #expect(try Clips.videoPackets("new.mp4", in: folder) == packets)
      let sound = try Clips.sound(of: "new.mp4", in: folder)
      #expect(abs(sound.count - 96_000) <= 1024, "the sound is as long as the clip")
    }
  }

  @Test func existingFiles() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let url = folder.appendingPathComponent("clip.wav")
      try Data("precious".utf8).write(to: url)
      let base = ["generate", "clip.mp4", "-p", "rain"] + Self.quick
      #expect(try Program.run(base, in: folder).status == 73)
      #expect(try Program.run(base + ["--skip-existing"], in: folder).status == 0)
      #expect(try Data(contentsOf: url) == Data("precious".utf8))
      #expect(try Program.run(base + ["--overwrite"], in: folder).status == 0)
      #expect(try Wave(url).count == 48_000)
    }
  }

  /// Where nothing happens and nothing was asked for, next to nothing is heard.
  @Test func silence() throws {
    try withFolder { folder in
      try Clips.still("clip.mp4", seconds: 9, in: folder)
      _ = try generate(["clip.mp4"], in: folder)
      let samples = try Wave(folder.appendingPathComponent("clip.wav")).samples
      #expect((samples.map(abs).max() ?? 1) <= 0.01, "at most -40 dBFS")
      _ = try generate(["clip.mp4", "-p", "rain", "--overwrite"], in: folder)
      let asked = try Wave(folder.appendingPathComponent("clip.wav")).samples
      #expect((asked.map(abs).max() ?? 0) > 0.01, "a prompt is heard all the same")
    }
  }

  /// Memory is that of a window, not of the clip.
  @Test func memoryDoesNotGrow() throws {
    try withFolder { folder in
      func peak(seconds: Double) throws -> Int {
        try Clips.moving("clip.mp4", seconds: seconds, in: folder)
        let run = try generate(
          ["clip.mp4", "--steps", "1", "--json", "--overwrite"], in: folder)
        return try #require(run.object()["peakMemory"] as? Int)
      }
      let short = try peak(seconds: 10)
      let long = try peak(seconds: 180)
      #expect(long - short <= 20_000_000, "\(short / 1_000_000) and \(long / 1_000_000) MB")
    }
  }

  @Test func givenEvents() throws {
    try withFolder { folder in
      let events = #"{"events": [{"time": 0.5, "strength": 1}, {"time": 1.5, "strength": 0.6}]}"#
      try Data(events.utf8).write(to: folder.appendingPathComponent("given.json"))
      let run = try generate(
        [
          "--seconds", "2", "--use-events", "given.json", "-p", "knocking", "-o", "a.wav", "--json",
        ], in: folder)
      #expect(try Wave(folder.appendingPathComponent("a.wav")).count == 96_000)
      let reported = try #require(try run.object()["events"] as? [[String: Any]])
      #expect(reported.compactMap { $0["time"] as? Double } == [0.5, 1.5])
    }
  }

  @Test func stillPicture() throws {
    try withFolder { folder in
      try Clips.picture("picture.png", in: folder)
      _ = try generate(["picture.png", "--seconds", "3", "-o", "a.wav"], in: folder)
      #expect(try Wave(folder.appendingPathComponent("a.wav")).count == 144_000)
    }
  }

  @Test func progressAsJSON() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 9, in: folder)
      let run = try generate(["clip.mp4", "-p", "rain", "--progress", "json"], in: folder)
      let events = try run.error.split(separator: "\n").map { line in
        try #require(
          JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
      }
      let names = events.compactMap { $0["event"] as? String }
      #expect(names == ["started", "loaded", "step", "step", "window", "step", "step", "window"])
      #expect(events.last?["secondsDone"] as? Double == 9)
    }
  }

  @Test func referenceNames() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let run = try generate(
        [
          "--single_video", "clip.mp4", "--single_prompt=rain", "--guidance_scale", "1.5",
          "--output_dir", "new/folder", "--json",
        ], in: folder)
      let parameters = try #require(try run.object()["parameters"] as? [String: Any])
      #expect(parameters["guidance"] as? Double == 1.5)
      #expect(parameters["prompt"] as? String == "rain")
      #expect(try Wave(folder.appendingPathComponent("new/folder/clip.wav")).count == 48_000)
    }
  }
}
