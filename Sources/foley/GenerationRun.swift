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
    let file = SoundFile(plan)
    let control = RunControl(
      journal: journal, retake: retake, shouldStop: { Interruption.requested != nil })
    defer { Interruption.endsByItself(false) }
    var report = try pipeline.generate(request, into: file, control: control) { event in
      if case .started(_, let windows) = event {
        // A single window leaves no journal to go on from.
        Interruption.endsByItself(journal != nil && retake == nil && windows != 1)
      }
      display.show(event)
    }
    try file.finish()
    try journal?.finish()
    if case .file(let path) = plan.audio { report.output.audio = path }

    if let path = plan.events {
      try EventFile(events: report.events, cuts: report.cuts, energy: report.energy).write(to: path)
      report.output.events = path
    }
    if let path = plan.plot, let sound = file.plot {
      let title = plan.mux ?? plan.audioPath
      try writePNG(path: path, picture: Plot.picture(of: report, sound, title: title.lastComponent))
      report.output.plot = path
    }
    if let path = plan.mux, case .video(let video, _, _, _) = request.source {
      let muxed = try mux(video: video, audio: plan.audioPath, into: path)
      for loss in muxed.losses {
        let warning = "\(path): \(loss)"
        report.warnings.append(warning)
        display.show(.warning(warning))
      }
      report.output.video = path
    }
    return report
  }
}

/// The sound's file as the pipeline sees it.
private final class SoundFile: SoundSink {
  private let plan: OutputPlan
  private var writer: WaveWriter?
  /// What a plot needs of the sound, where one is wanted.
  private(set) var plot: PlotAccumulator?

  init(_ plan: OutputPlan) {
    self.plan = plan
    plot = plan.plot.map { _ in PlotAccumulator(sampleRate: Clock.sampleRate) }
  }

  func start(expectedSamples: Int?) throws {
    let encoding: WaveEncoding =
      switch plan.bitDepth {
      case .sixteen: .pcm16
      case .twentyFour: .pcm24
      case .float: .float32
      }
    // Headers are trusted to tell a long clip from a short one. A pipe would announce their length as
    // the truth.
    writer = try WaveWriter(
      path: plan.audioPath, sampleRate: Clock.sampleRate, encoding: encoding,
      container: plan.format == .flac ? .flac : .wave,
      expectedFrames: plan.audioIsStream ? nil : expectedSamples)
  }

  func write(_ samples: [Float]) throws {
    plot?.add(samples)
    try writer?.write(samples)
  }

  func finish() throws { try writer?.finish() }
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
