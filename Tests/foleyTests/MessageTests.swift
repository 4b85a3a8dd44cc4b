import Foundation
import TestSupport
import Testing

/// Help texts, and what a person reads when something is wrong.
@Suite(.serialized) struct MessageTests {
  @Test(arguments: [
    "foley": [], "generate": ["generate"], "probe": ["probe"], "models": ["models"],
    "models-list": ["models", "list"], "models-verify": ["models", "verify"],
    "models-import": ["models", "import"], "models-licence": ["models", "licence"],
  ]) func help(_ name: String, _ command: [String]) throws {
    try withFolder { folder in
      let run = try Program.run(command + ["--help"], in: folder)
      #expect(run.status == 0)
      #expect(run.error.isEmpty)
      try expectSnapshot(run.text, "help-\(name)")
    }
  }

  /// A mistake, its exit code, and (in the snapshot of its name) the message.
  struct Mistake: CustomTestStringConvertible, Sendable {
    let name: String
    let status: Int32
    let arguments: [String]
    var testDescription: String { name }
  }

  static let mistakes = [
    Mistake(name: "no-clip", status: 64, arguments: ["generate"]),
    Mistake(name: "unknown-option", status: 64, arguments: ["generate", "clip.mp4", "--loud"]),
    Mistake(name: "steps", status: 64, arguments: ["generate", "clip.mp4", "--steps", "0"]),
    Mistake(name: "threads", status: 64, arguments: ["generate", "clip.mp4", "--threads", "0"]),
    Mistake(name: "time", status: 64, arguments: ["generate", "clip.mp4", "--start", "1:75"]),
    Mistake(
      name: "range", status: 64, arguments: ["generate", "clip.mp4", "--start", "5", "--end", "2"]),
    Mistake(name: "sampler", status: 64, arguments: ["generate", "clip.mp4", "--sampler", "fast"]),
    Mistake(
      name: "json-output", status: 64, arguments: ["generate", "clip.mp4", "--json", "-o", "-"]),
    Mistake(
      name: "flac-float", status: 64,
      arguments: ["generate", "clip.mp4", "-o", "a.flac", "--bit-depth", "32f"]),
    Mistake(
      name: "video-as-output", status: 64, arguments: ["generate", "clip.mp4", "-o", "out.mp4"]),
    Mistake(
      name: "output-is-clip", status: 64, arguments: ["generate", "clip.mp4", "--mux", "clip.mp4"]),
    Mistake(
      name: "same-output-twice", status: 64,
      arguments: ["generate", "clip.mp4", "-o", "a.png", "--plot", "a.png"]),
    Mistake(
      name: "mux-range", status: 64,
      arguments: ["generate", "clip.mp4", "--mux", "a.mp4", "--start", "1"]),
    Mistake(
      name: "both-prompts", status: 64,
      arguments: ["generate", "clip.mp4", "-p", "rain", "--prompt-file", "prompt.txt"]),
    Mistake(name: "missing-clip", status: 66, arguments: ["generate", "missing.mp4"]),
    Mistake(name: "clip-is-folder", status: 66, arguments: ["generate", "folder"]),
    Mistake(name: "clip-is-text", status: 65, arguments: ["generate", "notes.txt"]),
    Mistake(name: "clip-is-empty", status: 65, arguments: ["generate", "empty.mp4"]),
    Mistake(
      name: "clip-is-sound", status: 65, arguments: ["generate", "sound.wav", "-o", "a.wav"]),
    Mistake(
      name: "start-beyond", status: 65, arguments: ["generate", "clip.mp4", "--start", "99"]),
    Mistake(
      name: "missing-prompt-file", status: 66,
      arguments: ["generate", "clip.mp4", "--prompt-file", "missing.txt"]),
    Mistake(
      name: "prompt-file-not-text", status: 65,
      arguments: ["generate", "clip.mp4", "--prompt-file", "sound.wav"]),
    Mistake(
      name: "seconds-of-video", status: 64, arguments: ["generate", "clip.mp4", "--seconds", "3"]),
    Mistake(
      name: "noise-is-text", status: 65,
      arguments: ["generate", "clip.mp4", "--noise", "notes.txt"]),
    Mistake(
      name: "events-not-json", status: 65,
      arguments: ["generate", "clip.mp4", "--use-events", "notes.txt"]),
    Mistake(
      name: "events-strength", status: 65,
      arguments: ["generate", "clip.mp4", "--use-events", "events.json"]),
    Mistake(name: "unknown-model", status: 78, arguments: ["generate", "clip.mp4", "-m", "maxi"]),
    Mistake(
      name: "missing-model-folder", status: 78,
      arguments: ["generate", "clip.mp4", "-m", "./missing"]),
    Mistake(
      name: "folder-is-no-model", status: 78, arguments: ["generate", "clip.mp4", "-m", "./folder"]),
    Mistake(
      name: "unknown-family", status: 78, arguments: ["generate", "clip.mp4", "-m", "./other"]),
    Mistake(
      name: "broken-configuration", status: 78,
      arguments: ["generate", "clip.mp4", "-m", "./broken"]
    ),
    Mistake(
      name: "missing-weights", status: 78,
      arguments: ["generate", "clip.mp4", "-m", "./incomplete"]),
    Mistake(
      name: "missing-noise", status: 66,
      arguments: ["generate", "clip.mp4", "--noise", "missing.safetensors"]),
    Mistake(
      name: "output-exists", status: 73, arguments: ["generate", "clip.mp4", "-o", "notes.txt"]),
    Mistake(
      name: "output-without-folder", status: 73,
      arguments: ["generate", "clip.mp4", "-o", "missing/a.wav"]),
    Mistake(
      name: "ram-budget", status: 64, arguments: ["generate", "clip.mp4", "--ram-budget", "much"]),
    Mistake(
      name: "precision", status: 64, arguments: ["generate", "clip.mp4", "--precision", "int4"]),
    Mistake(
      name: "precision-of-mini", status: 64,
      arguments: ["generate", "clip.mp4", "--precision", "bf16"]),
    Mistake(
      name: "published-incomplete", status: 78,
      arguments: ["generate", "clip.mp4", "-m", "./published"]),
    Mistake(
      name: "published-configuration", status: 78,
      arguments: ["generate", "clip.mp4", "-m", "./malformed"]),
    Mistake(name: "verify-missing", status: 78, arguments: ["models", "verify", "./missing"]),
    Mistake(
      name: "import-of-mini", status: 64, arguments: ["models", "import", "mini", "-o", "small"]),
    Mistake(name: "probe-missing", status: 66, arguments: ["probe", "missing.mp4"]),
  ]

  @Test(arguments: mistakes) func mistake(_ mistake: Mistake) throws {
    try withFolder { folder in
      try Self.fill(folder)
      let before = try files(in: folder)
      // Quiet: progress tells what this machine is.
      let quiet = mistake.arguments[0] == "generate" ? ["-q"] : []
      let run = try Program.run(mistake.arguments + quiet, in: folder)
      #expect(run.status == mistake.status)
      #expect(run.output.isEmpty, "standard output carries results alone")
      #expect(try files(in: folder) == before, "a mistake leaves no file behind")
      try expectSnapshot(run.error, "error-\(mistake.name)")
    }
  }

  private static func fill(_ folder: URL) throws {
    try Clips.moving("clip.mp4", seconds: 1, in: folder)
    try Clips.sound("sound.wav", in: folder)
    func write(_ text: String, _ name: String) throws {
      let url = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }
    try write("rain", "prompt.txt")
    try write("This is a shopping list: milk, bread.\n", "notes.txt")
    try write("", "empty.mp4")
    try write(#"{"events": [{"time": 1, "strength": 7}]}"#, "events.json")
    try write("", "folder/readme")
    try write(#"{"family": "huge"}"#, "other/config.json")
    try write(#"{"family": "mini", "version": 1}"#, "broken/config.json")
    try write("", "published/hunyuanvideo_foley_xl.pth")
    try write("", "malformed/hunyuanvideo_foley_xl.pth")
    try write("model_config: [\n", "malformed/config.yaml")
    let mini = Shared.repository.appendingPathComponent("Models/mini/config.json")
    try write(String(contentsOf: mini, encoding: .utf8), "incomplete/config.json")
  }
}
