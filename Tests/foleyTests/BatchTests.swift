import Foundation
import TestSupport
import Testing

/// `foley batch`, as people and job queues run it.
@Suite(.serialized) struct BatchTests {
  struct Record: Decodable, Equatable {
    var id: String
    var status: String
    var outputs: [String]
    var exitCode: Int
    var attempts: Int
    var hash: String?
    var seed: UInt64?
    var error: String?
    var samples: Int?
  }

  static func records(_ name: String = "out/results.jsonl", in folder: URL) throws -> [Record] {
    try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      .split(separator: "\n").map { try JSONDecoder().decode(Record.self, from: Data($0.utf8)) }
  }

  /// Every sound of a folder by its name.
  static func sounds(_ name: String, in folder: URL) throws -> [String: Data] {
    let url = folder.appendingPathComponent(name)
    let names = try files(in: url).filter { $0.hasSuffix(".wav") }
    return try names.reduce(into: [:]) {
      $0[$1] = try Data(contentsOf: url.appendingPathComponent($1))
    }
  }

  /// Clips c0, c1, ... of a second each, in `clips`.
  static func clips(_ count: Int, seconds: Double = 1, in folder: URL) throws {
    let clips = folder.appendingPathComponent("clips")
    try FileManager.default.createDirectory(at: clips, withIntermediateDirectories: true)
    try Clips.moving("c0.mp4", seconds: seconds, in: clips)
    for index in 1..<max(2, count) {
      try FileManager.default.copyItem(
        at: clips.appendingPathComponent("c0.mp4"),
        to: clips.appendingPathComponent("c\(index).mp4"))
    }
  }

  static func write(_ text: String, _ name: String, in folder: URL) throws {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name))
  }

  static func batch(
    _ source: String, _ output: String = "out", _ more: [String] = [], in folder: URL,
    environment: [String: String] = [:], input: URL? = nil
  ) throws -> Run {
    try Program.run(
      ["batch", source, "--output-dir", output, "-p", "rain", "--steps", "2"] + more, in: folder,
      environment: environment, input: input)
  }

  @Test func folderTwice() throws {
    try withFolder { folder in
      try Self.clips(3, in: folder)
      try Self.write("junk", "clips/bad.mp4", in: folder)
      let first = try Self.batch("clips", in: folder)
      #expect(first.status == 1)
      #expect(first.output.isEmpty)
      let records = try Self.records(in: folder)
      #expect(records.map(\.id) == ["bad", "c0", "c1", "c2"])
      #expect(records.map(\.status) == ["failed", "done", "done", "done"])
      #expect(records[0].exitCode == 65)
      #expect(records[0].error?.contains("not a video") == true)
      #expect(records[1].samples == 48_000)
      #expect(
        try files(in: folder.appendingPathComponent("out")) == [
          "c0.wav", "c1.wav", "c2.wav", "results.jsonl",
        ])
      let before = try Self.sounds("out", in: folder)
      #expect(Set(before.values).count == 3, "each has a seed of its own")

      // The broken one is repaired, one sound is lost, another clip is changed.
      let clips = folder.appendingPathComponent("clips")
      try Clips.moving("bad.mp4", seconds: 1, in: clips)
      try FileManager.default.removeItem(at: folder.appendingPathComponent("out/c1.wav"))
      try Clips.moving("c2.mp4", seconds: 1.2, in: clips)
      let second = try Self.batch("clips", "out", ["--progress", "json"], in: folder)
      #expect(second.status == 0)
      let told = second.error.split(separator: "\n").filter { $0.contains(#""unchanged":true"#) }
      #expect(told.count == 1 && told[0].contains(#""id":"c0""#))
      let after = try Self.sounds("out", in: folder)
      #expect(after["c0.wav"] == before["c0.wav"] && after["c1.wav"] == before["c1.wav"])
      #expect(after["c2.wav"] != before["c2.wav"])
      #expect(try Self.records(in: folder).map(\.status) == ["done", "done", "done", "done"])

      // Another setting, another sound.
      #expect(
        try Self.batch("clips", "out", ["--bit-depth", "24", "--json"], in: folder).object()["done"]
          as? Int == 4)
    }
  }

  /// Neither the number of processes nor order nor sharding changes a byte, and each is what `generate` makes.
  @Test func sameBytes() throws {
    try withFolder { folder in
      try Self.clips(5, in: folder)
      let lines = (0..<5).map {
        #"{"id": "i\#($0)", "video": "clips/c\#($0).mp4", "prompt": "rain \#($0)"}"#
      }
      try Self.write(lines.joined(separator: "\n"), "a.jsonl", in: folder)
      try Self.write(lines.reversed().joined(separator: "\n"), "b.jsonl", in: folder)
      #expect(try Self.batch("a.jsonl", "one", in: folder).status == 0)
      #expect(try Self.batch("b.jsonl", "two", ["--jobs", "2"], in: folder).status == 0)
      #expect(try Self.batch("a.jsonl", "parts", ["--shard", "1/2"], in: folder).status == 0)
      let task = ["SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "2"]
      #expect(try Self.batch("a.jsonl", "parts", in: folder, environment: task).status == 0)
      let sounds = try Self.sounds("one", in: folder)
      #expect(sounds.count == 5)
      #expect(try Self.sounds("two", in: folder) == sounds)
      #expect(try Self.sounds("parts", in: folder) == sounds)
      #expect(
        try Self.records("two/results.jsonl", in: folder).map(\.id) == [
          "i4", "i3", "i2", "i1", "i0",
        ])
      #expect(
        try Self.records("parts/results-1-of-2.jsonl", in: folder).map(\.id) == ["i0", "i2", "i4"])
      #expect(try Self.records("parts/results-2-of-2.jsonl", in: folder).map(\.id) == ["i1", "i3"])

      let record = try Self.records("one/results.jsonl", in: folder)[3]
      let single = try Program.run(
        [
          "generate", "clips/c3.mp4", "-p", "rain 3", "--steps", "2", "-o", "single.wav",
          "--seed", "\(try #require(record.seed))",
        ], in: folder)
      #expect(single.status == 0)
      #expect(
        try Data(contentsOf: folder.appendingPathComponent("single.wav")) == sounds["i3.wav"])
    }
  }

  @Test func tableOfTheReference() throws {
    try withFolder { folder in
      try Self.clips(2, in: folder)
      try Self.write(
        "index,video,prompt\n0,clips/c0.mp4,\"rain, heavy\"\n1,clips/c1.mp4,wind\n", "a.csv",
        in: folder)
      let run = try Program.run(
        ["batch", "--csv_path", "a.csv", "--output_dir", "out", "--num_inference_steps", "2"],
        in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(try Self.records(in: folder).map(\.outputs) == [["0.wav"], ["1.wav"]])
    }
  }

  /// A line in, a record out.
  @Test func standardInput() throws {
    try withFolder { folder in
      try Self.clips(2, in: folder)
      try Self.write(
        "clips/c0.mp4\n{\"video\": \"clips/c1.mp4\", \"id\": \"x\", \"prompt\": \"wind\"}\nmissing.mp4\n{",
        "lines", in: folder)
      let run = try Self.batch("-", in: folder, input: folder.appendingPathComponent("lines"))
      #expect(run.status == 1)
      let told = try run.text.split(separator: "\n").map {
        try JSONDecoder().decode(Record.self, from: Data($0.utf8))
      }
      #expect(told.map(\.id) == ["c0", "x", "missing", "line-4"])
      #expect(told.map(\.exitCode) == [0, 0, 66, 65])
      #expect(try Self.records(in: folder) == told)
    }
  }

  @Test func everyOutput() throws {
    try withFolder { folder in
      try Self.clips(2, in: folder)
      try Self.write(
        #"{"id": "a", "video": "clips/c0.mp4", "output": "sub/deep/a"}"#, "a.jsonl", in: folder)
      let run = try Self.batch(
        "a.jsonl", "out", ["--mux", "mkv", "--plot", "--events", "--format", "flac"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      let names = ["sub/deep/a.flac", "sub/deep/a.mkv", "sub/deep/a.png", "sub/deep/a.events.json"]
      #expect(try Self.records(in: folder).first?.outputs == names)
      for name in names {
        #expect(
          FileManager.default.fileExists(atPath: folder.appendingPathComponent("out/" + name).path))
      }
    }
  }

  /// A manifest cannot make the program write elsewhere, not even by way of links.
  @Test func confinement() throws {
    try withFolder { folder in
      try Self.clips(2, in: folder)
      let manager = FileManager.default
      for name in ["out", "elsewhere"] {
        try manager.createDirectory(
          at: folder.appendingPathComponent(name), withIntermediateDirectories: false)
      }
      try manager.createSymbolicLink(
        atPath: folder.appendingPathComponent("out/link").path, withDestinationPath: "../elsewhere")
      try Self.write("mine", "elsewhere/mine", in: folder)
      try manager.createSymbolicLink(
        atPath: folder.appendingPathComponent("out/d.wav").path,
        withDestinationPath: "../elsewhere/mine")
      try Self.write(
        """
        {"id": "a", "video": "clips/c0.mp4", "output": "link/a.wav"}
        {"id": "b", "video": "clips/c0.mp4", "output": "../elsewhere/b.wav"}
        {"id": "c", "video": "clips/c0.mp4", "output": "link/new/c.wav"}
        {"id": "d", "video": "clips/c0.mp4"}
        {"id": "good", "video": "clips/c0.mp4"}
        """, "a.jsonl", in: folder)
      #expect(try Self.batch("a.jsonl", in: folder).status == 1)
      #expect(try Self.records(in: folder).map(\.exitCode) == [73, 65, 73, 73, 0])
      #expect(try files(in: folder.appendingPathComponent("elsewhere")) == ["mine"])
      #expect(
        try Data(contentsOf: folder.appendingPathComponent("elsewhere/mine")) == Data("mine".utf8))
    }
  }

  @Test func dryRun() throws {
    try withFolder { folder in
      try Self.clips(2, in: folder)
      let run = try Self.batch("clips", "out", ["--dry-run"], in: folder)
      #expect(run.status == 0)
      #expect(run.text == "c0: clips/c0.mp4 -> out/c0.wav\nc1: clips/c1.mp4 -> out/c1.wav\n")
      #expect(try files(in: folder) == ["clips"])
    }
  }

  /// A record that a killed run has not written whole does not count, nor do records of items that are gone.
  @Test func damagedRecords() throws {
    try withFolder { folder in
      try Self.clips(2, in: folder)
      #expect(try Self.batch("clips", in: folder).status == 0)
      let url = folder.appendingPathComponent("out/results.jsonl")
      let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
      let gone = lines[0].replacingOccurrences(of: #""id":"c0""#, with: #""id":"gone""#)
      try Self.write(
        gone + "\n" + lines[0] + "\n" + lines[1].prefix(60), "out/results.jsonl", in: folder)
      let run = try Self.batch("clips", "out", ["--json"], in: folder)
      #expect(run.status == 0)
      #expect(try run.object()["unchanged"] as? Int == 1)
      #expect(try Self.records(in: folder).map(\.id) == ["c0", "c1"])
    }
  }
}
