import ArgumentParser
import FoleyKit
import Foundation
import Media

struct JoinFilm: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "join",
    abstract: "Make the sound of a film whose parts were made by several machines.",
    discussion: """
      Examples:
        foley join film.plan.json parts -o film.wav
        foley join film.plan.json parts -o film.wav --loudness -23 --mux film-with-sound.mp4

      Checks that every part is there, whole, and of this plan, and makes one sound
      of them, to the sample. The film itself is not watched again.
      """)

  @Argument(help: "What `foley plan` wrote beside its manifest.", completion: .file())
  var plan: String

  @Argument(help: "The folder of the parts; the plan's own by default.", completion: .directory)
  var folder: String?

  @Option(
    help: ArgumentHelp(
      "The film, where it no longer lies where the plan has it.", valueName: "file"),
    completion: .file())
  var video: String?

  @Flag(help: "Keep the journal beside the sound, so that `foley retake` can change a part of it.")
  var keepJournal = false

  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Output") var output: OutputOptions
  @OptionGroup(title: "Delivery") var delivery: DeliveryOptions
  @OptionGroup(title: "Reports") var reports: ReportOptions

  func validate() throws {
    if !delivery.stems.isEmpty {
      throw ValidationError("--stem: a plan has one sound; make a plan for each of them.")
    }
    if output.output == "-" {
      throw ValidationError("-o -: parts are joined into a file.")
    }
    if delivery.original == .keep && output.mux == nil {
      throw ValidationError("--original keep is for the file that --mux writes.")
    }
  }

  func run() throws {
    ErrorLog.use(from: reports.verbose ? .debug : .warning)
    let display = ProgressDisplay(reports.progress, quiet: reports.quiet)
    var film = try FilmPlan(path: plan)
    if let video { film.video = video }
    guard FileManager.default.fileExists(atPath: film.video) else {
      throw FoleyError.noInput(
        file: film.video, reason: "the film is not there; --video says where it is")
    }
    if let mux = output.mux, film.isRange {
      throw FoleyError.usage(
        "--mux \(mux): copies the whole video, and this plan is of a part of it.")
    }
    let outputs = try OutputPlan(output, clip: film.video, delivery: delivery.plan)
    guard try outputs.mayWrite(output, display) else { return }
    if let mux = outputs.mux { try checkMux(video: film.video, into: mux) }
    let parts = film.parts.map { ($0.file(of: film, plan: plan, in: folder), $0) }
    for (file, _) in parts where !FileManager.default.fileExists(atPath: file) {
      throw FoleyError.noInput(
        file: file, reason: "this part is not there; has `foley batch` made it?")
    }
    guard let path = outputs.journal else {
      throw FoleyError.usage("Parts are joined into a file, not into a pipe.")
    }
    let report = try join(film, parts, outputs, journal: path, display)
    if reports.json { Terminal.output(JSON.text(report) + "\n") }
    display.finish(
      "\(outputs.mux ?? outputs.audioPath): \(ProgressDisplay.text(report.seconds)) s of sound from "
        + "\(parts.count) parts")
  }

  private func join(
    _ film: FilmPlan, _ parts: [(path: String, part: FilmPlan.Part)], _ outputs: OutputPlan,
    journal path: String, _ display: ProgressDisplay
  ) throws -> GenerationReport {
    let pipeline = try model.pipeline()
    let head = try pipeline.journalHead(film.request, output: outputs.described)
    try film.require(head.identity)
    return try Interruption.removing([path]) {
      defer { if !keepJournal { unlink(path) } }
      try Journal.gather(parts, head: head, into: path)
      let recorder = outputs.sidecar.map { _ in SidecarRecorder() }
      display.observer = recorder.map { recorder in { recorder.note($0) } }
      let run = GenerationRun(
        pipeline: pipeline, request: film.request, plan: outputs, display: display,
        journal: try Journal(path: path, head: head, resumes: true, isKept: keepJournal), film: film
      )
      let report = try run.run()
      if let file = outputs.sidecar, let recorder {
        try recorder.sidecar(report, film.request, outputs, pipeline).write(to: file)
      }
      return report
    }
  }
}

extension FilmPlan {
  /// Whether it is of less than the whole video.
  fileprivate var isRange: Bool {
    guard case .video(_, let start, let end, _) = request.source else { return false }
    return start != nil || end != nil
  }
}

extension FilmPlan.Part {
  fileprivate func file(of film: FilmPlan, plan: String, in folder: String?) -> String {
    let folder = folder ?? (plan as NSString).deletingLastPathComponent
    let name = FilmNames.id(self, of: film, plan: plan) + FilmPart.suffix
    return folder.isEmpty ? name : (folder as NSString).appendingPathComponent(name)
  }
}
