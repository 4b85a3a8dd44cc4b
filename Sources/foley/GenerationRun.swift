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
      let muxed = try mux(video: video, audio: plan.audioPath, into: path)
      for loss in muxed.losses { warn("\(path): \(loss)", in: &report) }
      report.output.video = path
    }
    return report
  }

  /// Samples go into the file as they are made.
  private func makeIntoFile(_ plot: PlottedSound?) throws -> GenerationReport {
    let file = try SoundFile(plan, request, plot: plot)
    let report = try generate(into: file)
    try file.finish(report)
    try journal?.finish()
    return report
  }

  /// Samples wait on the disk until all are there.
  private func makeThenDeliver(_ plot: PlottedSound?) throws -> GenerationReport {
    let made = try StoringSink(for: plan.audioPath)
    var report = try generate(into: made)
    let delivery = SoundDelivery([made.store], plan.delivery.settings)
    let (gain, warning) = try delivery.gain()
    if let warning { warn(warning, in: &report) }
    let file = try SoundFile.writer(
      plan, request, channels: plan.delivery.settings.channels, samples: report.samples)
    let delivered = try delivery.write(gain, to: file) { plot?.add($0) }
    file.broadcast?.tell(
      loudness: delivered.loudness, range: delivered.loudnessRange, truePeak: delivered.truePeak)
    if plan.format == .bwf { file.cues = report.cuePoints }
    try file.finish()
    report.delivery = delivered
    try journal?.finish()
    return report
  }

  private func generate(into sink: any SoundSink) throws -> GenerationReport {
    let control = RunControl(
      journal: journal, retake: retake, shouldStop: { Interruption.requested != nil })
    defer { Interruption.endsByItself(false) }
    return try pipeline.generate(request, into: sink, control: control) { event in
      if case .started(_, let windows) = event {
        // A single window leaves no journal to go on from.
        Interruption.endsByItself(journal != nil && retake == nil && windows != 1)
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
