import Foundation
import TestSupport
import Testing

/// A published model's folder, as it was downloaded, through the real binary. The fixtures' folder is tiny.
@Suite(
  .serialized,
  .enabled(if: Shared.directory != nil, "the folder ../shared with the fixtures is absent"))
struct PublishedTests {
  private func model() throws -> URL {
    try #require(Shared.directory).appendingPathComponent("reference/goldens/published-layout")
  }

  /// A copy to be damaged.
  private func copy(into folder: URL) throws -> URL {
    let copy = folder.appendingPathComponent("model")
    try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
    let model = try model()
    for name in try FileManager.default.contentsOfDirectory(atPath: model.path)
    where name != "io.safetensors" {
      try FileManager.default.copyItem(
        at: model.appendingPathComponent(name), to: copy.appendingPathComponent(name))
    }
    // The fixtures may not be written to, and copies inherit that.
    for case let item as URL in FileManager.default.enumerator(
      at: copy, includingPropertiesForKeys: nil) ?? .init()
    {
      chmod(item.path, 0o755)
    }
    return copy
  }

  private func rewrite(_ file: URL, _ change: (inout String) -> Void) throws {
    var text = try String(contentsOf: file, encoding: .utf8)
    change(&text)
    try Data(text.utf8).write(to: file)
  }

  @Test func makesASound() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 8.6, in: folder)
      let run = try Program.run(
        ["generate", "clip.mp4", "-m", try model().path, "--steps", "2", "--json"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      let wave = try Wave(folder.appendingPathComponent("clip.wav"))
      #expect(wave.count == 412_800)
      #expect(wave.samples.contains { abs($0) > 0.01 })
      let report = try run.object()
      let parameters = try #require(report["parameters"] as? [String: Any])
      #expect(parameters["negativePrompt"] as? String == "noisy, harsh")
      #expect((report["events"] as? [Any])?.isEmpty == false, "events are looked for all the same")
      #expect(report["windows"] as? Int == 2)
    }
  }

  @Test func sameBytesWithLittleMemory() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 8.5, in: folder)
      func make(_ name: String, _ arguments: [String]) throws -> Data {
        let run = try Program.run(
          ["generate", "clip.mp4", "-m", try model().path, "--steps", "1", "-q", "-o", name]
            + arguments, in: folder)
        #expect(run.status == 0, "\(run.error)")
        return try Data(contentsOf: folder.appendingPathComponent(name))
      }
      let plenty = try make("plenty.wav", [])
      #expect(try make("little.wav", ["--ram-budget", "1225M", "--threads", "1"]) == plenty)
    }
  }

  @Test func tooLittleMemoryIsTold() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let run = try Program.run(
        ["generate", "clip.mp4", "-m", try model().path, "--ram-budget", "900M", "-q"], in: folder)
      #expect(run.status == 75)
      #expect(run.error.contains("--ram-budget allows 900.0 MiB. Give at least --ram-budget "))
      #expect(try files(in: folder) == ["clip.mp4"])
    }
  }

  @Test func verifies() throws {
    try withFolder { folder in
      let run = try Program.run(["models", "verify", try model().path, "--json"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      let result = try run.object()
      #expect(result["isWhole"] as? Bool == true)
      let files = try #require(result["files"] as? [[String: Any]])
      #expect(
        files.map { $0["part"] as? String } == [
          "text", "visual", "sync", "transformer", "decoder",
        ])
      for file in files {
        #expect((file["extra"] as? [Any])?.isEmpty == true)
        #expect((file["tensors"] as? Int ?? 0) > 30)
      }
    }
  }

  /// Each way to break a folder, what verify says, and what it and generate end with.
  @Test(arguments: [
    "config": "'model_config.model_kwargs.hidden_size' is missing",
    "size":
      "tensor 'audio_embedder.proj.weight' has shape [64, 128, 1], expected [96, 128, 1]",
    "cut": "vae_128d_48k.pth: not a valid checkpoint: ",
    "page": "not a valid checkpoint: this is a web page",
    "encoder": "holds no folder with google/siglip2-base-patch16-512",
    "tokenizer": "holds neither vocab.json with merges.txt nor tokenizer.json",
    "widths": "'model_config.model_kwargs.clip_dim' is 16, but",
  ]) func damageIsTold(kind: String, message: String) throws {
    try withFolder { folder in
      let model = try copy(into: folder)
      let config = model.appendingPathComponent("config.yaml")
      switch kind {
      case "config": try rewrite(config) { $0.replace("    hidden_size: 64\n", with: "") }
      case "size": try rewrite(config) { $0.replace("hidden_size: 64", with: "hidden_size: 96") }
      case "widths": try rewrite(config) { $0.replace("clip_dim: 32", with: "clip_dim: 16") }
      case "cut":
        let file = model.appendingPathComponent("vae_128d_48k.pth")
        try Data(contentsOf: file).prefix(400_000).write(to: file)
      case "page":
        try Data("<!DOCTYPE html><html>Sign in</html>".utf8)
          .write(to: model.appendingPathComponent("synchformer_state_dict.pth"))
      case "encoder":
        try FileManager.default.removeItem(at: model.appendingPathComponent("siglip2"))
      default:
        for name in ["vocab.json", "merges.txt"] {
          try FileManager.default.removeItem(at: model.appendingPathComponent("clap/" + name))
        }
      }
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let environment = ["HOME": folder.path]
      let generated = try Program.run(
        ["generate", "clip.mp4", "-m", "model", "-q"], in: folder, environment: environment)
      #expect(generated.status == 78)
      #expect(generated.error.contains(message), "\(generated.error)")
      #expect(generated.error.split(separator: "\n").count == 1, "one clear line")
      #expect(try files(in: folder) == ["clip.mp4", "model"])
      // The tokenizer is no checkpoint.
      guard kind != "tokenizer" else { return }
      let verified = try Program.run(
        ["models", "verify", "./model"], in: folder, environment: environment)
      #expect(verified.status == 78)
      #expect((verified.text + verified.error).contains(message), "\(verified.text)")
    }
  }

  @Test func unknownKeysAreWarnedOf() throws {
    try withFolder { folder in
      let model = try copy(into: folder)
      try rewrite(model.appendingPathComponent("config.yaml")) {
        $0.replace("    patch_size: 1", with: "    patch_size: 1\n    patch_shape: round")
      }
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let run = try Program.run(
        ["generate", "clip.mp4", "-m", "./model", "--steps", "1"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(run.error.contains("passes over: model_config.model_kwargs.patch_shape"))
    }
  }

  @Test func importsAndRuns() throws {
    try withFolder { folder in
      let run = try Program.run(["models", "import", try model().path, "-o", "small"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(run.output.isEmpty)
      #expect(
        try files(in: folder.appendingPathComponent("small")) == [
          "clap", "config.yaml", "hunyuanvideo_foley_xl.safetensors", "siglip2",
          "synchformer_state_dict.safetensors", "vae_128d_48k.safetensors",
        ])
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      for (name, model) in [("one.wav", try model().path), ("two.wav", "small")] {
        let run = try Program.run(
          ["generate", "clip.mp4", "-m", model, "--steps", "1", "-o", name], in: folder)
        #expect(run.status == 0, "\(run.error)")
      }
      func bytes(_ name: String) throws -> Data {
        try Data(contentsOf: folder.appendingPathComponent(name))
      }
      #expect(try bytes("one.wav") == bytes("two.wav"))
    }
  }

  @Test func licencesAreTold() throws {
    try withFolder { folder in
      let model = try copy(into: folder)
      try Data("TERMS".utf8).write(to: model.appendingPathComponent("LICENSE"))
      let run = try Program.run(["models", "licence", "./model"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      try expectSnapshot(run.text, "licence-published")
    }
  }
}
