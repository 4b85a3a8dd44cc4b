import Foundation
import Media
import Motion
import Sampling
import Tensors

/// Makes the sound of one clip.
///
/// A thread of its own decodes the video and follows its motion, a window or two ahead. For each
/// window of eight seconds the pictures, the motion and the prompt condition the model; the sampler
/// turns noise into latents, going on from the window before; the decoder turns them into sound, which
/// is written at once. Nothing grows with the length of the clip.
public struct Pipeline: Sendable {
  private let description: any ModelDescription
  private let backend: any Backend
  private let threads: Int

  /// - Parameters:
  ///   - backend: computes the networks.
  ///   - threads: for what runs beside the backend.
  public init(model: any ModelDescription, backend: any Backend, threads: Int) {
    description = model
    self.backend = backend
    self.threads = threads
  }

  /// - Parameters:
  ///   - sink: receives exactly the samples of the sound, in order.
  ///   - tell: called on this thread as the work goes on.
  /// - Throws: `FoleyError`, `MediaError`, `CheckpointError` or `SamplingError`.
  public func generate(
    _ request: GenerationRequest, into sink: any SoundSink,
    tell: (ProgressEvent) -> Void = { _ in }
  ) throws -> GenerationReport {
    var clock = StageClock()
    let began = ContinuousClock.now

    let feed = WindowFeed(request, pictureSize: description.pictureSize(prompt: request.prompt))
    defer { feed.abandon() }
    let plan = try feed.plan()
    tell(.started(seconds: plan.seconds, windows: plan.count))

    let model = try clock.measure("load") { try description.load(on: backend) }
    tell(.loaded(model: description.folder.name, backend: backend.name))
    let settings = description.sampling.replaced(by: request)
    let sampler = Sampler(
      solver: settings.solver, schedule: try SigmaSchedule(steps: settings.steps))
    let noise = try LatentNoise(request, plan: plan, channels: model.latentChannels)
    let text = clock.measure("text") {
      model.text(prompt: request.prompt, negativePrompt: request.negativePrompt)
    }
    var sound = SoundOutput(
      decoder: model.decoder(seed: request.seed, threads: threads), samples: plan.samples,
      sink: sink)
    var continuation: Continuation?

    while let window = try clock.measure("waiting for video", { try feed.next() }) {
      let visual = try clock.measure("vision") { try model.visual(window.pictures) }
      let latents = try clock.measure("sampling") {
        let velocity = model.velocity(
          text: text, visual: visual, sync: window.sync, guidance: settings.guidance)
        let start = noise.latents(of: window.index, on: backend)
        return try sampler(
          start, model: velocity, clamp: continuation?.clamp(noise: start),
          observe: { step in
            tell(.step(step.index + 1, of: step.count, window: window.index + 1))
            return true
          }
        ).floats()
      }
      try clock.measure("sound") {
        let settled = plan.settled(of: window.index)
        try sound.write(
          latents.rows(settled, channels: model.latentChannels), rows: settled.count,
          quiet: window.isStill)
      }
      continuation = Continuation(after: latents, channels: model.latentChannels)
      tell(
        .window(window.index + 1, of: plan.count, secondsDone: plan.secondsDone(after: window.index)))
    }
    try clock.measure("sound") { try sound.finish() }

    let track = feed.track
    for warning in track.warnings { tell(.warning(warning)) }
    let total = (ContinuousClock.now - began).seconds
    clock.add("total", total)
    return GenerationReport(
      samples: plan.samples, seconds: plan.seconds, windows: plan.count,
      model: .init(
        name: description.folder.name, family: description.family, folder: description.folder.path),
      parameters: .init(request, settings), events: track.events, cuts: track.cuts,
      limiterReduction: sound.limiterReduction, peak: sound.peak, backend: backend.name,
      timings: clock.dictionary, speed: plan.seconds / max(total, 1e-9),
      peakMemory: ProcessMeasure.peakMemory, warnings: track.warnings)
  }
}

/// Receives the sound of a run, a piece at a time.
public protocol SoundSink: AnyObject {
  /// Mono samples at `Clock.sampleRate`, never beyond -1...1.
  func write(_ samples: [Float]) throws
}

extension SamplingSettings {
  fileprivate func replaced(by request: GenerationRequest) -> SamplingSettings {
    SamplingSettings(
      steps: request.steps ?? steps, guidance: request.guidance ?? guidance,
      solver: request.solver ?? solver)
  }
}

extension GenerationReport.Parameters {
  fileprivate init(_ request: GenerationRequest, _ settings: SamplingSettings) {
    self.init(
      prompt: request.prompt, negativePrompt: request.negativePrompt, seed: request.seed,
      steps: settings.steps, guidance: settings.guidance, sampler: settings.solver)
    if case .video(_, let start, let end) = request.source { (self.start, self.end) = (start, end) }
  }
}

extension [Float] {
  /// Rows of a row-major matrix.
  fileprivate func rows(_ rows: Range<Int>, channels: Int) -> [Float] {
    Array(self[rows.lowerBound * channels..<rows.upperBound * channels])
  }
}
