import Foundation
import Logging
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
  private let log = Logger(label: "foley.pipeline")

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
  /// - Throws: `FoleyError`, `MediaError`, `CheckpointError`, `SamplingError` or `ThreadError`.
  public func generate(
    _ request: GenerationRequest, into sink: any SoundSink,
    tell: (ProgressEvent) -> Void = { _ in }
  ) throws -> GenerationReport {
    var clock = StageClock()
    let began = ContinuousClock.now

    let feed = try WindowFeed(request, pictures: description.pictures(prompt: request.prompt))
    defer { feed.abandon() }
    let expected = try feed.expectation().plan
    try sink.start(expectedSamples: expected?.samples)
    tell(.started(seconds: expected?.seconds, windows: expected?.count))

    let model = try clock.measure("load") { try description.load(on: backend) }
    tell(.loaded(model: description.folder.name, backend: backend.name))
    let settings = description.sampling.replaced(by: request)
    let sampler = Sampler(
      solver: settings.solver, schedule: try SigmaSchedule(steps: settings.steps))
    let noise = try LatentNoise(request, channels: model.latentChannels)
    let (prompt, negative) = clock.measure("text") {
      (model.text(request.prompt), model.text(request.negativePrompt))
    }
    var sound = SoundOutput(
      decoder: model.decoder(seed: request.seed, threads: threads), sink: sink)
    var continuation: Continuation?
    var plan: WindowPlan?

    while let window = try clock.measure("waiting for video", { try feed.next() }) {
      let visual = try clock.measure("vision") { try window.pictures.map(model.visual) }
      let latents = try clock.measure("sampling") {
        let velocity = model.velocity(
          prompt: prompt, negative: negative, visual: visual, motion: window.motion,
          guidance: settings.guidance)
        let start = try noise.latents(window.latents, on: backend)
        return try sampler(
          start, model: velocity, clamp: continuation?.clamp(noise: start),
          observe: { step in
            tell(.step(step.index + 1, of: step.count, window: window.index + 1))
            return true
          }
        ).floats()
      }
      if window.plan == nil {
        continuation = Continuation(after: latents, channels: model.latentChannels)
      }
      let settled = window.plan?.latentsOfLastWindow ?? WindowPlan.latentsPerHop
      try clock.measure("sound") {
        try sound.write(
          Array(latents.prefix(settled * model.latentChannels)), rows: settled,
          quiet: window.isStill, end: window.plan?.samples)
      }
      plan = window.plan
      let done = window.plan?.seconds ?? Double((window.index + 1) * WindowPlan.hop)
      tell(.window(window.index + 1, secondsDone: done))
      log.debug("window \(window.index + 1): \(clock)\(window.isStill ? ", still" : "")")
    }
    guard let plan else { preconditionFailure("a feed that ended before its last window") }

    let track = feed.track
    for warning in track.warnings { tell(.warning(warning)) }
    let total = (ContinuousClock.now - began).seconds
    clock.add("total", total)
    return GenerationReport(
      samples: plan.samples, seconds: plan.seconds, windows: plan.count,
      model: .init(
        name: description.folder.name, family: description.family, folder: description.folder.path),
      parameters: .init(request, settings), events: track.motion.events, cuts: track.motion.cuts,
      energy: track.motion.energy,
      limiterReduction: sound.limiterReduction, peak: sound.peak, backend: backend.name,
      timings: clock.dictionary, speed: plan.seconds / max(total, 1e-9),
      peakMemory: ProcessMeasure.peakMemory, warnings: track.warnings)
  }
}

/// Receives the sound of a run, a piece at a time.
public protocol SoundSink: AnyObject {
  /// Called once, before any samples.
  ///
  /// - Parameter expectedSamples: the length as the video's headers have it; the truth may differ.
  func start(expectedSamples: Int?) throws
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
    if case .video(_, let start, let end, _) = request.source {
      (self.start, self.end) = (start, end)
    }
  }
}
