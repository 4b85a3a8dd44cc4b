import ArgumentParser
import FoleyKit
import Foundation
import Media

struct PlanFilm: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Divide a long clip into parts for several machines.",
    discussion: """
      Examples:
        foley plan film.mp4 --parts 8 -o film.jsonl
        foley batch film.jsonl --output-dir parts --shard 1/8   # on each machine
        foley join film.plan.json parts -o film.wav

      Watches the clip and finds where the picture cuts to another place, or where
      --cues change the prompt. There the sound begins anew, whatever the prompt,
      and there the parts meet. Joined, they are byte for byte what `foley generate`
      with --cuts follow makes, however many parts there are. Beside the manifest
      lies the plan, which the machines need as well.
      """)

  @Argument(help: "The video.", completion: .file())
  var clip: String

  @Option(help: ArgumentHelp("Parts at most; long scenes may leave fewer.", valueName: "count"))
  var parts: Int

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "The manifest for `foley batch`; the clip's name with .jsonl in this folder by default.",
      valueName: "file"),
    completion: .file())
  var output: String?

  @Flag(help: "Replace files that exist.")
  var overwrite = false

  @Flag(help: "Leave onsets where they are; else they are moved to the events they belong to.")
  var noAlign = false

  @OptionGroup(title: "Content") var content: ContentOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Reports") var reports: ReportOptions

  func validate() throws {
    if clip.isEmpty || clip == "-" { throw ValidationError("Name a video file.") }
    if !(1...10_000).contains(parts) {
      throw ValidationError("--parts \(parts): give a number from 1 to 10000.")
    }
    if content.seconds != nil {
      throw ValidationError("--seconds is for single pictures, which have no parts.")
    }
  }

  func run() throws {
    ErrorLog.use(from: reports.verbose ? .debug : .warning)
    let display = ProgressDisplay(reports.progress, quiet: reports.quiet)
    let names = FilmNames(manifest: output ?? OutputPlan.stem(ofClip: clip) + ".jsonl")
    if !overwrite {
      for file in [names.manifest, names.plan] where FileManager.default.fileExists(atPath: file) {
        throw FoleyError.cannotCreate(
          file: file, reason: "exists already; --overwrite replaces it, -o names another")
      }
    }
    guard try !VideoReader(path: clip).information.isStill else {
      throw FoleyError.usage("\(clip): is a single picture, which has no parts.")
    }
    let request = GenerationRequest(
      source: .video(
        path: URL(fileURLWithPath: clip).path, start: content.start?.seconds,
        end: content.end?.seconds),
      prompt: try content.readPrompt(), negativePrompt: content.negativePrompt,
      seed: content.seed, steps: content.steps, guidance: content.cfgScale,
      solver: content.sampler, cues: try content.cues.map { try CueSheet(path: $0) },
      cuts: content.cuts ?? .follow, aligns: !noAlign)
    let film = try model.pipeline().plan(request, parts: parts) { display.show($0) }
    for warning in film.warnings { display.show(.warning(warning)) }
    if film.parts.count < parts {
      let longest = film.parts.map { $0.end - $0.start }.max() ?? 0
      display.show(
        .warning(
          "\(clip): \(film.parts.count) parts, not \(parts): the longest has "
            + "\(ProgressDisplay.text(longest)) s, in which no parts can meet. A sheet of --cues with another "
            + "prompt makes a place where they can"))
    }
    try film.write(to: names.plan)
    try names.writeManifest(of: film)
    if reports.json { Terminal.output(JSON.text(PlanReport(film, names)) + "\n") }
    display.finish(
      "\(names.manifest), \(names.plan): \(ProgressDisplay.text(film.seconds)) s in "
        + "\(film.parts.count) parts")
  }
}

/// Of the files of a film in parts.
struct FilmNames {
  let manifest: String
  let plan: String

  init(manifest: String) {
    self.manifest = manifest
    plan = (manifest as NSString).deletingPathExtension + ".plan.json"
  }

  /// The id of a part, and so the name of its file: `film.2-of-8`.
  static func id(_ part: FilmPlan.Part, of film: FilmPlan, plan: String) -> String {
    let suffix = ".plan.json"
    let name = plan.lastComponent
    let stem = name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : name
    return "\(stem).\(part.number)-of-\(film.parts.count)"
  }

  func writeManifest(of film: FilmPlan) throws(FoleyError) {
    struct Line: Encodable {
      var id: String
      var plan: String
      var part: Int
      var video: String
    }
    let lines = film.parts.map {
      JSON.text(
        Line(
          id: FilmNames.id($0, of: film, plan: plan), plan: plan.lastComponent, part: $0.number,
          video: film.video), pretty: false)
    }
    do {
      try Data((lines.joined(separator: "\n") + "\n").utf8).write(
        to: URL(fileURLWithPath: manifest), options: .atomic)
    } catch {
      throw .cannotCreate(file: manifest, reason: error.localizedDescription)
    }
  }
}

/// What `foley plan --json` prints.
private struct PlanReport: Encodable {
  struct Part: Encodable {
    var id: String
    var start: Double
    var end: Double
    var windows: Int
  }

  var manifest: String
  var plan: String
  var seconds: Double
  var samples: Int
  var parts: [Part]

  init(_ film: FilmPlan, _ names: FilmNames) {
    (manifest, plan) = (names.manifest, names.plan)
    (seconds, samples) = (film.seconds, film.samples)
    parts = film.parts.map {
      Part(
        id: FilmNames.id($0, of: film, plan: names.plan), start: $0.start, end: $0.end,
        windows: $0.windowCount)
    }
  }
}
