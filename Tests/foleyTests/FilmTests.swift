import Foundation
import TestSupport
import Testing

/// One film on several machines: `plan`, `batch`, `join`.
@Suite(.serialized) struct FilmTests {
  /// Four scenes of a film of 30 s.
  private static func film(_ name: String, in folder: URL) throws {
    let scenes = [
      ("cellauto=seed=1", 7.36), ("mandelbrot", 9.0), ("testsrc2", 8.2), ("life=seed=3", 5.4),
    ]
    let inputs = scenes.flatMap { source, seconds in
      let options = source.contains("=") ? ":" : "="
      return ["-f", "lavfi", "-i", "\(source)\(options)s=320x180:r=25", "-t", "\(seconds)"]
    }
    let trims = scenes.indices.map {
      "[\($0)]trim=duration=\(scenes[$0].1),format=yuv420p[s\($0)];"
    }
    let names = scenes.indices.map { "[s\($0)]" }
    try Clips.make(
      inputs.filter { $0 != "-t" && Double($0) == nil }
        + ["-filter_complex", trims.joined() + names.joined() + "concat=n=4", "-qp", "0"], name,
      in: folder)
  }

  private static func run(_ words: [String], in folder: URL) throws -> Run {
    try Program.run(words + ["-q"], in: folder)
  }

  private static func plan(
    _ name: String, parts: Int, _ more: [String] = [], in folder: URL
  ) throws -> [[String: Any]] {
    let run = try run(
      ["plan", "film.mp4", "--parts", "\(parts)", "-o", name, "--steps", "2", "--json"] + more,
      in: folder)
    try #require(run.status == 0, "\(run.error)")
    return try #require(try run.object()["parts"] as? [[String: Any]])
  }

  /// The joined sound is that of one run, to the byte, however many parts there are and in whatever order, in what
  /// processes, they were made.
  @Test func joinedIsWhole() throws {
    try withFolder { folder in
      try Self.film("film.mp4", in: folder)
      let whole = try Self.run(
        ["generate", "film.mp4", "--cuts", "follow", "--steps", "2", "-o", "whole.wav"], in: folder)
      #expect(whole.status == 0, "\(whole.error)")
      let sound = try Data(contentsOf: folder.appendingPathComponent("whole.wav"))
      for count in [2, 4] {
        let parts = try Self.plan("p\(count).jsonl", parts: count, in: folder)
        #expect(parts.count == count)
        #expect(parts.first?["start"] as? Double == 0)
        for shard in (1...count).reversed() {
          let run = try Program.run(
            [
              "batch", "p\(count).jsonl", "--output-dir", "parts", "--shard", "\(shard)/\(count)",
              "--json",
            ], in: folder)
          #expect(run.status == 0, "\(run.error)")
        }
        let run = try Self.run(
          ["join", "p\(count).plan.json", "parts", "-o", "joined-\(count).wav"], in: folder)
        #expect(run.status == 0, "\(run.error)")
        let joined = try Data(contentsOf: folder.appendingPathComponent("joined-\(count).wav"))
        #expect(joined == sound, "\(count) parts")
      }
      // Nothing of a part is left to be done, and a lost one is made again.
      let part = folder.appendingPathComponent("parts/p2.2-of-2.part")
      let bytes = try Data(contentsOf: part)
      try FileManager.default.removeItem(at: part)
      let again = try Program.run(
        ["batch", "p2.jsonl", "--output-dir", "parts", "--json"], in: folder)
      #expect(again.status == 0, "\(again.error)")
      #expect(try Data(contentsOf: part) == bytes)
    }
  }

  /// A process that is killed in a part costs the window under way, no more, and a prompt needs no pictures.
  @Test func killedInAPart() throws {
    try withFolder { folder in
      try Self.film("film.mp4", in: folder)
      let parts = try Self.plan(
        "film.jsonl", parts: 2, ["-p", "rain", "--steps", "8"], in: folder)
      #expect((parts.first?["windows"] as? Int ?? 0) > 1)
      let batch = ["batch", "film.jsonl", "--output-dir", "out"]
      let process = try Program.start(batch, in: folder)
      let partial = folder.appendingPathComponent("out/film.1-of-2.part.partial")
      for _ in 0..<3000 where process.isRunning {
        if (try? Data(contentsOf: partial).count) ?? 0 > 50_000 { break }
        Thread.sleep(forTimeInterval: 0.02)
      }
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      Thread.sleep(forTimeInterval: 0.5)
      #expect(FileManager.default.fileExists(atPath: partial.path))
      let begun = try Data(contentsOf: partial)

      let rest = try Program.run(batch, in: folder)
      #expect(rest.status == 0, "\(rest.error)")
      let done = try Data(contentsOf: folder.appendingPathComponent("out/film.1-of-2.part"))
      #expect(done.starts(with: begun.prefix(50_000)), "what was there is gone on with")
      #expect(
        try files(in: folder.appendingPathComponent("out")) == [
          "film.1-of-2.part", "film.2-of-2.part", "results.jsonl",
        ])

      // Everything a sound can be handed over as.
      let join = try Program.run(
        [
          "join", "film.plan.json", "out", "-o", "film.flac", "--loudness", "-23", "--mux",
          "new.mp4", "--sidecar", "film.json", "--plot", "film.png", "--json",
        ], in: folder)
      #expect(join.status == 0, "\(join.error)")
      let windows = try parts.map { try #require($0["windows"] as? Int) }
      #expect(try join.object()["windows"] as? Int == windows.reduce(0, +))
      #expect(try abs(Clips.loudness(of: "film.flac", in: folder).integrated + 23) < 0.2)
      #expect(
        try Clips.videoPackets("new.mp4", in: folder) == Clips.videoPackets("film.mp4", in: folder))
      #expect(!FileManager.default.fileExists(atPath: folder.path + "/film.flac.journal"))
    }
  }

  /// What does not belong together is not joined.
  @Test func mismatches() throws {
    try withFolder { folder in
      try Self.film("film.mp4", in: folder)
      _ = try Self.plan("film.jsonl", parts: 2, in: folder)
      #expect(
        try Self.run(["batch", "film.jsonl", "--output-dir", "out"], in: folder).status == 0)
      let parts = try files(in: folder.appendingPathComponent("out")).filter {
        $0.hasSuffix(".part")
      }
      #expect(parts == ["film.1-of-2.part", "film.2-of-2.part"])
      func url(_ name: String) -> URL { folder.appendingPathComponent(name) }
      func join(_ more: [String] = []) throws -> Run {
        try Self.run(["join", "film.plan.json", "out", "-o", "film.wav"] + more, in: folder)
      }
      func expect(_ run: Run, _ status: Int32, _ words: String) {
        #expect(run.status == status)
        #expect(run.error.contains(words), "\(run.error)")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/film.wav"))
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/film.wav.journal"))
      }
      let second = try Data(contentsOf: url("out/film.2-of-2.part"))

      try second.prefix(second.count - 10).write(to: url("out/film.2-of-2.part"))
      expect(try join(), 65, "out/film.2-of-2.part: lacks window")
      try FileManager.default.removeItem(at: url("out/film.2-of-2.part"))
      expect(try join(), 66, "out/film.2-of-2.part: this part is not there")

      // The same part of another take.
      _ = try Self.plan("other/film.jsonl", parts: 2, ["--seed", "3"], in: folder.made("other"))
      #expect(
        try Self.run(["batch", "other/film.jsonl", "--output-dir", "other"], in: folder).status == 0
      )
      try Data(contentsOf: url("other/film.2-of-2.part")).write(to: url("out/film.2-of-2.part"))
      expect(try join(), 65, "seed (3, now 0)")
      try second.write(to: url("out/film.2-of-2.part"))

      // Another film under the name, then none.
      let film = try Data(contentsOf: url("film.mp4"))
      try Clips.moving("film.mp4", seconds: 4, in: folder)
      expect(try join(), 65, "differs in: clip")
      let part = try Self.run(
        ["batch", "film.jsonl", "--output-dir", "new", "--json"], in: folder)
      #expect(part.status == 1 && part.text.contains(#""failed" : 2"#))
      try FileManager.default.removeItem(at: url("film.mp4"))
      expect(try join(), 66, "--video says where it is")
      try film.write(to: url("moved.mp4"))
      #expect(try join(["--video", "moved.mp4"]).status == 0)
      try FileManager.default.removeItem(at: url("film.wav"))

      expect(
        try Self.run(["join", "out/results.jsonl", "-o", "b.wav"], in: folder), 65, "is no plan")
    }
  }
}

extension URL {
  /// This folder, with one of that name in it.
  fileprivate func made(_ name: String) throws -> URL {
    try FileManager.default.createDirectory(
      at: appendingPathComponent(name), withIntermediateDirectories: true)
    return self
  }
}
