import FoleyKit
import Foundation
import Media

/// One run of `generate`: the pipeline, and every file that comes of it.
struct GenerationRun {
  let pipeline: Pipeline
  let request: GenerationRequest
  let plan: OutputPlan
  let display: ProgressDisplay

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
    let sink = SoundFile(
      try WaveWriter(path: plan.audioPath, sampleRate: Clock.sampleRate, encoding: plan.encoding))
    var report = try pipeline.generate(request, into: sink, tell: display.show)
    try sink.writer.finish()
    if case .file(let path) = plan.audio { report.output.audio = path }
    return report
  }
}

/// The sound's file as the pipeline sees it.
private final class SoundFile: SoundSink {
  let writer: WaveWriter

  init(_ writer: WaveWriter) { self.writer = writer }

  func write(_ samples: [Float]) throws { try writer.write(samples) }
}

extension OutputPlan {
  var encoding: WaveEncoding {
    switch bitDepth {
    case .sixteen: .pcm16
    case .twentyFour: .pcm24
    case .float: .float32
    }
  }
}
