import ArgumentParser
import FoleyKit
import Foundation
import Media

struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make the sound of a clip.",
    discussion: """
      Examples:
        foley generate clip.mp4
            listens to what the picture shows, writes clip.wav here
        foley generate clip.mp4 -p "a hammer strikes an anvil" -o clip.wav
        foley generate clip.mp4 --mux clip-with-sound.mp4 --plot clip.png
        foley generate clip.mp4 --start 0:20 --end 0:30 --seed 7 --format flac
        foley generate clip.mp4 --loudness -23 --format bwf --mux new.mov --original keep
        foley generate clip.mp4 --stem rain="rain on a roof" --stem steps="steps on gravel"
        foley generate clip.mp4 -q -o - | aplay
      """)

  @Argument(
    help: "The video: MP4, MOV, MKV, WebM, AVI, ...; - is standard input.", completion: .file())
  var clip: String?

  @OptionGroup(title: "Content") var content: ContentOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Output") var output: OutputOptions
  @OptionGroup(title: "Delivery") var delivery: DeliveryOptions
  @OptionGroup(title: "Long clips") var resuming: ResumeOptions
  @OptionGroup(title: "Reports") var reports: ReportOptions
  @OptionGroup(title: "Reports") var rehearsal: RehearsalOptions
  @OptionGroup var hidden: HiddenOptions

  func validate() throws {
    // Without a clip, so many seconds of black: for measuring a model by given events.
    if clip == nil && content.seconds == nil || clip == "" {
      throw ValidationError("Name a video.")
    }
    if reports.json && output.output == "-" {
      throw ValidationError("--json and -o - both want standard output.")
    }
    if output.mux != nil {
      if clip == nil || clip == "-" { throw ValidationError("--mux needs a video file.") }
      if content.start != nil || content.end != nil {
        throw ValidationError(
          "--mux copies the whole video, so it cannot be combined with --start or --end.")
      }
    } else if delivery.original == .keep {
      throw ValidationError("--original keep is for the file that --mux writes.")
    }
    if delivery.original.isMixed && (clip == nil || clip == "-") {
      throw ValidationError("--original \(delivery.original) needs a video file.")
    }
    if !delivery.stems.isEmpty && (content.prompt != nil || content.promptFile != nil) {
      throw ValidationError("--stem and --prompt exclude each other: each stem has its own prompt.")
    }
  }

  func run() throws {
    ErrorLog.use(from: reports.verbose ? .debug : .warning)
    let display = ProgressDisplay(reports.progress, quiet: reports.quiet)
    if rehearsal.dryRun { return try describe(outputPlan()) }
    guard let report = try make(display, model.pipeline) else { return }
    if reports.json { Terminal.output(JSON.text(report) + "\n") }
    display.finish(summary(report))
  }

  /// Everything but what is said about it.
  ///
  /// - Parameters:
  ///   - pipeline: made once nothing else is in the way.
  ///   - isNeeded: asked with everything that decides the bytes of the files.
  /// - Returns: nil where nothing had to be done.
  func make(
    _ display: ProgressDisplay, _ pipeline: () throws -> Pipeline,
    isNeeded: (Pipeline, GenerationRequest, OutputPlan) throws -> Bool = { _, _, _ in true }
  ) throws -> GenerationReport? {
    let plan = try outputPlan()
    guard try plan.mayWrite(output, display) else { return nil }

    if let mux = plan.mux, let clip { try checkMux(video: clip, into: mux) }
    let request = try request()
    let pipeline = try pipeline()
    guard try isNeeded(pipeline, request, plan) else { return nil }
    let recorder = plan.sidecar.map { _ in SidecarRecorder() }
    display.observer = recorder.map { recorder in { recorder.note($0) } }
    let stems = try delivery.stems.map { stem in
      let part = try request.taking(stem)
      return StemTake(
        stem: stem, request: part,
        journal: try resuming.journal(plan, pipeline, part, stem: stem))
    }
    let journal = stems.isEmpty ? try resuming.journal(plan, pipeline, request) : nil
    if resuming.resume {
      let found = stems.reduce(journal?.found ?? 0) { $0 + ($1.journal?.found ?? 0) }
      display.show(.resumed(windows: found))
    }
    let run = GenerationRun(
      pipeline: pipeline, request: request, plan: plan, display: display, journal: journal,
      stems: stems)
    let report = try run.run()
    if let path = plan.sidecar, let recorder {
      try recorder.sidecar(report, request, plan, pipeline).write(to: path)
    }
    return report
  }

  // MARK: Before the run

  private func outputPlan() throws -> OutputPlan {
    try OutputPlan(output, clip: clip, delivery: delivery.plan)
  }

  private func request() throws -> GenerationRequest {
    GenerationRequest(
      source: source, prompt: try content.readPrompt(),
      negativePrompt: content.negativePrompt, seed: content.seed, steps: content.steps,
      guidance: content.cfgScale, solver: content.sampler, noiseFile: hidden.noise,
      givenEvents: try hidden.useEvents.map { try EventFile(path: $0) },
      cues: try content.cues.map { try CueSheet(path: $0) }, cuts: content.cuts,
      aligns: !resuming.noAlign)
  }

  private var source: GenerationRequest.Source {
    guard let clip else { return .black(seconds: content.seconds ?? 0) }
    return .video(
      path: clip, start: content.start?.seconds, end: content.end?.seconds,
      pictureSeconds: content.seconds)
  }

  /// `--dry-run`
  private func describe(_ plan: OutputPlan) throws {
    guard let clip else { throw FoleyError.usage("--dry-run needs a video.") }
    let probe = try ProbeResult(
      clip: clip, start: content.start?.seconds, end: content.end?.seconds, model: model.model)
    if reports.json {
      Terminal.output(JSON.text(probe) + "\n")
    } else {
      var lines = probe.lines
      lines.append(
        (
          "output",
          (plan.audio == .standardOutput ? ["standard output"] : plan.files)
            .joined(separator: ", ")
        ))
      let existing = plan.existing
      if !existing.isEmpty { lines.append(("exists", existing.joined(separator: ", "))) }
      Terminal.output(ProbeResult.text(lines))
    }
  }

  // MARK: After the run

  private func summary(_ report: GenerationReport) -> String {
    let files =
      [
        report.output.audio, report.output.video, report.output.plot, report.output.events,
      ]
      .compactMap { $0 } + (report.delivery?.stems ?? []).map(\.file)
    let total = report.timings["total"] ?? 0
    return "\(files.isEmpty ? "done" : files.joined(separator: ", ")): "
      + "\(ProgressDisplay.text(report.seconds)) s of sound in \(ProgressDisplay.text(total)) s "
      + "(\(ProgressDisplay.text(report.speed))x real time, "
      + "\(report.peakMemory / 1_000_000) MB at most)"
  }
}
