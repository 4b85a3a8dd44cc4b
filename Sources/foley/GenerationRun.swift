import FoleyKit
import Foundation
import Media

/// One run of `generate`: the pipeline, and every file that comes of it.
struct GenerationRun {
  let pipeline: Pipeline
  let request: GenerationRequest
  let plan: OutputPlan
  let display: ProgressDisplay
  var journal: Journal?
  var retake: Retake?
  /// Of which the journal has all windows.
  var film: FilmPlan?
  /// In place of the one request, several whose sounds add up to the whole.
  var stems: [StemTake] = []

  func run() throws -> GenerationReport {
    let preliminary = plan.files.map { $0 + ".partial" } + temporaryFiles
    return try Interruption.removing(preliminary) {
      defer { for file in temporaryFiles { unlink(file) } }
      return try writeAll()
    }
  }

  /// What is only in the way once the run is over.
  private var temporaryFiles: [String] {
    guard case .temporary(let path) = plan.audio else { return [] }
    return [path, path + ".partial"]
  }

  private func writeAll() throws -> GenerationReport {
    let plot = plan.plot.map { _ in PlottedSound() }
    var report =
      plan.delivery.needsWholeSound ? try makeThenDeliver(plot) : try makeIntoFile(plot)
    if case .file(let path) = plan.audio { report.output.audio = path }

    if let path = plan.events {
      try EventFile(events: report.events, cuts: report.cuts, energy: report.energy).write(to: path)
      report.output.events = path
    }
    if let path = plan.plot, let plot {
      let title = plan.mux ?? plan.audioPath
      try writePNG(
        path: path, picture: Plot.picture(of: report, plot.accumulator, title: title.lastComponent))
      report.output.plot = path
    }
    if let path = plan.mux, case .video(let video, _, _, _) = request.source {
      let muxed = try mux(
        video: video, audio: plan.audioPath, into: path,
        keepsSound: plan.delivery.original == .keep)
      for loss in muxed.losses { warn("\(path): \(loss)", in: &report) }
      report.output.video = path
    }
    return report
  }

  /// Samples go into the file as they are made.
  private func makeIntoFile(_ plot: PlottedSound?) throws -> GenerationReport {
    let file = try SoundFile(plan, request, plot: plot)
    let report = try generate(request, into: file, journal: journal)
    try file.finish(report)
    try journal?.finish()
    return report
  }

  /// Samples wait on the disk until all are there.
  private func makeThenDeliver(_ plot: PlottedSound?) throws -> GenerationReport {
    // Found out before any work is done.
    let own = try OriginalSound(request, plan.delivery)
    var settings = plan.delivery.settings
    if let own { (settings.channels, settings.mixing) = (own.sound.channels, own.mixing) }
    let takes =
      stems.isEmpty ? [StemTake(stem: nil, request: request, journal: journal)] : stems
    var made: [SampleStore] = []
    var reports: [GenerationReport] = []
    for take in takes {
      if let stem = take.stem { display.begin(stem: stem.name, made.count + 1, of: takes.count) }
      let sink = try StoringSink(for: plan.audioPath)
      reports.append(try generate(take.request, into: sink, journal: take.journal))
      made.append(sink.store)
    }
    var report = GenerationReport(of: reports)
    if plan.delivery.original.isMixed && own == nil {
      warn("the clip has no sound of its own that could be mixed in", in: &report)
    }
    let began = ContinuousClock.now
    let delivery = SoundDelivery(
      made, original: try own?.store(for: plan.audioPath, frames: report.samples), settings)
    let (gain, warning) = try delivery.gain()
    if let warning { warn(warning, in: &report) }

    func file(_ request: GenerationRequest, _ path: String) throws -> WaveWriter {
      let file = try SoundFile.writer(
        plan, request, path: path, channels: settings.channels, samples: report.samples)
      if plan.format == .bwf { file.cues = report.cuePoints }
      return file
    }
    let whole = try file(request, plan.audioPath)
    let parts = try stems.map { try file($0.request, plan.path(of: $0.stem!)) }
    var delivered = try delivery.write(gain, to: whole, parts: parts) { plot?.add($0) }
    whole.broadcast?.tell(
      loudness: delivered.loudness, range: delivered.loudnessRange, truePeak: delivered.truePeak)
    for file in [whole] + parts { try file.finish() }
    if !stems.isEmpty {
      delivered.stems = stems.map { take in
        DeliveryReport.Stem(
          name: take.stem!.name, prompt: take.request.prompt, seed: take.request.seed,
          file: plan.path(of: take.stem!))
      }
    }
    report.add(delivered, since: began)
    for take in takes { try take.journal?.finish() }
    return report
  }

  private func generate(
    _ request: GenerationRequest, into sink: any SoundSink, journal: Journal?
  ) throws -> GenerationReport {
    let control = RunControl(
      journal: journal, retake: retake, film: film, shouldStop: { Interruption.requested != nil })
    defer { Interruption.endsByItself(false) }
    return try pipeline.generate(request, into: sink, control: control) { event in
      if case .started(_, let windows) = event {
        // A single window leaves no journal to go on from.
        Interruption.endsByItself(
          journal != nil && retake == nil && film == nil && windows != 1)
      }
      display.show(event)
    }
  }

  private func warn(_ text: String, in report: inout GenerationReport) {
    report.warnings.append(text)
    display.show(.warning(text))
  }
}

extension MuxReport {
  /// What of the clip is not in the new file.
  fileprivate var losses: [String] {
    (droppedStreams > 0 ? ["\(droppedStreams) streams of the clip do not fit this container"] : [])
      + (lostRotation
        ? ["this container does not hold the clip's rotation: the picture will lie on its side"]
        : [])
  }
}
