import Foundation
import TestSupport
import Testing

/// Help texts, and what a person reads when something is wrong.
@Suite(.serialized) struct MessageTests {
  @Test(arguments: [
    "foley": [], "generate": ["generate"], "batch": ["batch"], "plan": ["plan"], "join": ["join"],
    "compare": ["compare"],
    "probe": ["probe"], "models": ["models"], "completions": ["completions"],
    "retake": ["retake"], "verify": ["verify"], "devices": ["devices"],
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
    let command: String
    var testDescription: String { name }
  }

  static let mistakes = [
    ("no-clip", 64, "generate"),
    ("unknown-option", 64, "generate clip.mp4 --loud"),
    ("steps", 64, "generate clip.mp4 --steps 0"),
    ("threads", 64, "generate clip.mp4 --threads 0"),
    ("device", 64, "generate clip.mp4 --device cuda:one"),
    ("time", 64, "generate clip.mp4 --start 1:75"),
    ("range", 64, "generate clip.mp4 --start 5 --end 2"),
    ("sampler", 64, "generate clip.mp4 --sampler fast"),
    ("json-output", 64, "generate clip.mp4 --json -o -"),
    ("flac-float", 64, "generate clip.mp4 -o a.flac --bit-depth 32f"),
    ("video-as-output", 64, "generate clip.mp4 -o out.mp4"),
    ("output-is-clip", 64, "generate clip.mp4 --mux clip.mp4"),
    ("output-ending", 64, "generate clip.mp4 -o a.mp3"),
    ("plot-ending", 64, "generate clip.mp4 --plot a.jpg"),
    ("mux-ending", 73, "generate clip.mp4 -p rain --mux a.avi"),
    ("mux-codec", 73, "generate clip.mp4 -p rain --mux a.webm"),
    ("negative-seed", 64, "generate clip.mp4 --seed -1"),
    ("negative-start", 64, "generate clip.mp4 --start -1"),
    ("end-at-start", 64, "generate clip.mp4 --end 0"),
    ("same-output-twice", 64, "generate clip.mp4 -o a.wav --events a.wav"),
    ("mux-range", 64, "generate clip.mp4 --mux a.mp4 --start 1"),
    ("loudness", 64, "generate clip.mp4 --loudness 3"),
    ("true-peak", 64, "generate clip.mp4 --true-peak 1"),
    ("channels", 64, "generate clip.mp4 --channels 6"),
    ("original-keep", 64, "generate clip.mp4 --original keep"),
    ("original-of-pipe", 64, "generate - --original mix"),
    ("original-gain", 64, "generate clip.mp4 --original-gain 3"),
    ("duck-depth", 64, "generate clip.mp4 --original mix --duck-depth 3"),
    ("stem-without-prompt", 64, "generate clip.mp4 --stem rain"),
    ("stem-name", 64, "generate clip.mp4 --stem ../rain=rain"),
    ("stem-twice", 64, "generate clip.mp4 --stem a=rain --stem A=wind"),
    ("stem-and-prompt", 64, "generate clip.mp4 --stem a=rain -p rain"),
    ("stem-and-original", 64, "generate clip.mp4 --stem a=rain --original mix"),
    ("stem-into-pipe", 64, "generate clip.mp4 --stem a=rain -o -"),
    ("stem-and-cued-prompts", 64, "generate clip.mp4 --stem a=rain --cues cues.csv"),
    ("bwf-into-pipe", 64, "generate clip.mp4 --format bwf -o -"),
    ("both-prompts", 64, "generate clip.mp4 -p rain --prompt-file prompt.txt"),
    ("missing-clip", 66, "generate missing.mp4"),
    ("clip-is-folder", 66, "generate folder"),
    ("clip-is-text", 65, "generate notes.txt"),
    ("clip-is-empty", 65, "generate empty.mp4"),
    ("clip-is-sound", 65, "generate sound.wav -o a.wav"),
    ("start-beyond", 65, "generate clip.mp4 --start 99"),
    ("missing-prompt-file", 66, "generate clip.mp4 --prompt-file missing.txt"),
    ("prompt-file-not-text", 65, "generate clip.mp4 --prompt-file sound.wav"),
    ("seconds-of-video", 64, "generate clip.mp4 --seconds 3"),
    ("noise-is-text", 65, "generate clip.mp4 --noise notes.txt"),
    ("missing-cues", 66, "generate clip.mp4 --cues missing.csv"),
    ("cues-not-text", 65, "generate clip.mp4 --cues sound.wav"),
    ("cues-not-times", 65, "generate clip.mp4 --cues notes.txt"),
    ("cuts", 64, "generate clip.mp4 --cuts maybe"),
    ("events-not-json", 65, "generate clip.mp4 --use-events notes.txt"),
    ("events-strength", 65, "generate clip.mp4 --use-events events.json"),
    ("unknown-model", 78, "generate clip.mp4 -m maxi"),
    ("missing-model-folder", 78, "generate clip.mp4 -m ./missing"),
    ("model-is-a-file", 78, "models verify ./notes.txt"),
    ("folder-is-no-model", 78, "generate clip.mp4 -m ./folder"),
    ("unknown-family", 78, "generate clip.mp4 -m ./other"),
    ("broken-configuration", 78, "generate clip.mp4 -m ./broken"),
    ("missing-weights", 78, "generate clip.mp4 -m ./incomplete"),
    ("missing-noise", 66, "generate clip.mp4 --noise missing.safetensors"),
    ("output-exists", 73, "generate clip.mp4 -o notes.txt"),
    ("output-without-folder", 73, "generate clip.mp4 -o missing/a.wav"),
    ("ram-budget", 64, "generate clip.mp4 --ram-budget much"),
    ("precision", 64, "generate clip.mp4 --precision int4"),
    ("precision-of-mini", 64, "generate clip.mp4 --precision bf16"),
    ("published-incomplete", 78, "generate clip.mp4 -m ./published"),
    ("published-configuration", 78, "generate clip.mp4 -m ./malformed"),
    ("verify-missing", 78, "models verify ./missing"),
    ("import-of-mini", 64, "models import mini -o small"),
    ("probe-missing", 66, "probe missing.mp4"),
    ("batch-without-folder", 64, "batch clips.jsonl"),
    ("batch-missing", 66, "batch missing.jsonl --output-dir out"),
    ("batch-empty", 65, "batch empty.mp4 --output-dir out"),
    ("batch-not-text", 65, "batch sound.wav --output-dir out"),
    ("batch-table", 65, "batch events.csv --output-dir out"),
    ("batch-same-ids", 65, "batch twice.jsonl --output-dir out"),
    ("batch-shard", 64, "batch twice.jsonl --output-dir out --shard 3/2"),
    ("batch-jobs", 64, "batch twice.jsonl --output-dir out --jobs 0"),
    ("batch-model", 78, "batch prompt.txt --output-dir out -m maxi"),
    ("plan-parts", 64, "plan clip.mp4 --parts 0"),
    ("plan-missing", 66, "plan missing.mp4 --parts 2"),
    ("plan-exists", 73, "plan clip.mp4 --parts 2 -o twice.jsonl"),
    ("join-missing", 66, "join missing.plan.json"),
    ("join-no-plan", 65, "join events.json -o a.wav"),
    ("join-stem", 64, "join events.json --stem a=rain"),
    ("batch-mux", 64, "batch prompt.txt --output-dir out --mux avi"),
  ].map(Mistake.init)

  @Test(arguments: mistakes) func mistake(_ mistake: Mistake) throws {
    try withFolder { folder in
      try Self.fill(folder)
      let before = try files(in: folder)
      // Quiet: progress tells what this machine is.
      let quiet = mistake.command.hasPrefix("generate") ? ["-q"] : []
      let arguments = mistake.command.split(separator: " ").map(String.init)
      let run = try Program.run(arguments + quiet, in: folder)
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
    try write("start,end,prompt\n0,1,rain\n", "cues.csv")
    try write(#"{"events": [{"time": 1, "strength": 7}]}"#, "events.json")
    try write("start,end\n1,2\n", "events.csv")
    try write(
      #"{"id": 1, "video": "a.mp4"}"# + "\n" + #"{"id": 1, "video": "b.mp4"}"#, "twice.jsonl")
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
