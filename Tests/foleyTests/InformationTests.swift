import Foundation
import TestSupport
import Testing

/// `probe`, `--dry-run` and `models list`: what is told without making a sound.
@Suite(.serialized) struct InformationTests {
  @Test func probe() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 20, in: folder)
      let run = try Program.run(["probe", "clip.mp4", "--json", "--end", "15"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      let result = try run.object()
      let clip = try #require(result["clip"] as? [String: Any])
      #expect(clip["width"] as? Int == 320)
      #expect(clip["height"] as? Int == 180)
      #expect(clip["seconds"] as? Double == 20)
      #expect(clip["framesPerSecond"] as? Double == 25)
      let plan = try #require(result["plan"] as? [String: Any])
      #expect(plan["samples"] as? Int == 720_000)
      #expect(plan["windows"] as? Int == 3)
    }
  }

  /// The same events as a run sees, with no sound made.
  @Test func probeWatches() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 4, in: folder)
      let run = try Program.run(
        ["probe", "clip.mp4", "--json", "--events", "a.json"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      let told = try run.object()
      let seen = try #require(told["seen"] as? [String: Any])
      #expect((seen["events"] as? Int ?? 0) > 0)
      #expect((seen["processorSeconds"] as? Double ?? 0) > 0)
      let made = try Program.run(
        ["generate", "clip.mp4", "--steps", "1", "--events", "b.json", "--json"], in: folder)
      #expect(made.status == 0, "\(made.error)")
      let memory = try #require((told["plan"] as? [String: Any])?["memory"] as? Int)
      let peak = try #require(try made.object()["peakMemory"] as? Int)
      #expect((peak..<2 * peak).contains(memory), "\(memory) told, \(peak) used")
      let files = try ["a.json", "b.json"].map {
        try Data(contentsOf: folder.appendingPathComponent($0))
      }
      #expect(files[0] == files[1])
    }
  }

  @Test func dryRunWritesNothing() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let run = try Program.run(
        ["generate", "clip.mp4", "--dry-run", "--output_dir", "new"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(run.text.contains("48000 samples"))
      #expect(run.text.contains("new/clip.wav"))
      #expect(try files(in: folder) == ["clip.mp4"])
    }
  }

  @Test func unknownInstructionSet() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let run = try Program.run(
        ["generate", "clip.mp4", "-q"], in: folder, environment: ["FOLEY_SIMD": "sse9"])
      #expect(run.status == 64)
      #expect(run.error.hasPrefix("Error: FOLEY_SIMD is 'sse9'; it can be one of baseline"))
      #expect(try files(in: folder) == ["clip.mp4"])
    }
  }

  @Test func modelsList() throws {
    try withFolder { folder in
      let run = try Program.run(["models", "list", "--json"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      let models = try #require(
        JSONSerialization.jsonObject(with: run.output) as? [[String: Any]])
      #expect(models.contains { $0["name"] as? String == "mini" })
    }
  }

  @Test func licencesAreTold() throws {
    try withFolder { folder in
      let run = try Program.run(["models", "licence"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      try expectSnapshot(run.text, "licences")
    }
  }

  @Test func aModelIsVerified() throws {
    try withFolder { folder in
      let run = try Program.run(["models", "verify", "mini"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      let lines = run.text.split(separator: "\n")
      #expect(lines.count == 6 && run.text.contains("generator.safetensors"), "\(run.text)")
    }
  }

  @Test func damagedModelIsTold() throws {
    try withFolder { folder in
      let models = folder.appendingPathComponent("Models")
      let mini = models.appendingPathComponent("mini")
      try FileManager.default.createDirectory(at: mini, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: Shared.repository.appendingPathComponent("Models/mini/config.json"),
        to: mini.appendingPathComponent("config.json"))
      try Data("x".utf8).write(to: mini.appendingPathComponent("text.safetensors"))
      let hash = String(repeating: "0", count: 64)
      try Data(
        #"{"files": [{"file": "mini/text.safetensors", "bytes": 1, "sha256": "\#(hash)"}]}"#.utf8
      ).write(to: models.appendingPathComponent("manifest.json"))
      let run = try Program.run(
        ["models", "list"], in: folder, environment: ["FOLEY_MODELS": models.path])
      #expect(run.status == 78)
      #expect(run.error.contains("text.safetensors: has another hash than the manifest says"))
    }
  }

  @Test func clipFromStandardInput() throws {
    try withFolder { folder in
      // A container that needs no seeking.
      try Clips.moving("clip.mkv", seconds: 1, in: folder)
      let run = try Program.run(
        ["generate", "-", "-p", "rain", "--steps", "1"], in: folder,
        input: folder.appendingPathComponent("clip.mkv"))
      #expect(run.status == 0, "\(run.error)")
      #expect(try Wave(folder.appendingPathComponent("foley.wav")).count == 48_000)
    }
  }
}
