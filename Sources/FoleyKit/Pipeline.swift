import Foundation
import Logging
import Media
import Motion
import Sampling
import Tensors

/// Makes the sound of one clip.
///
/// A thread of its own decodes the video and follows its motion, a window or two ahead. For each
/// window of eight seconds the prompt, the pictures and the motion condition the model; the sampler
/// turns noise into latents, going on from the window before; the decoder turns them into sound, which
/// is written at once. Nothing grows with the length of the clip, and a part of the model that no
/// later window needs is dropped.
public struct Pipeline: Sendable {
  private let description: any ModelDescription
  private let resources: ModelResources
  private let log = Logger(label: "foley.pipeline")

  public init(model: any ModelDescription, _ resources: ModelResources) {
    description = model
    self.resources = resources
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

    let feed = try WindowFeed(
      request,
      WindowNeeds(
        pictures: description.pictures(prompt: request.prompt), lastWindow: description.lastWindow,
        findsStillness: description.keepsStillScenesQuiet))
    defer { feed.abandon() }
    let expected = try feed.expectation().plan
    try sink.start(expectedSamples: expected?.samples)
    tell(.started(seconds: expected?.seconds, windows: expected?.count))

    let backend = resources.backend
    let model = try clock.measure("load") { try description.load(resources) }
    let warnings = description.warnings + model.warnings
    for warning in warnings { tell(.warning(warning)) }
    tell(.loaded(model: description.folder.name, backend: backend.name))
    let settings = description.sampling.replaced(by: request)
    let sampler = Sampler(
      solver: settings.solver,
      schedule: try SigmaSchedule(steps: settings.steps, shift: settings.shift))
    let noise = try LatentNoise(request, channels: model.latentChannels)
    let negative = request.negativePrompt ?? description.negativePrompt
    let text = try clock.measure("text") {
      try model.text(prompt: request.prompt, negative: negative)
    }
    model.release(.text)
    var sound = SoundOutput(decoder: try model.decoder(seed: request.seed), sink: sink)
    var continuation: Continuation?
    var plan: WindowPlan?

    while let window = try clock.measure("waiting for video", { try feed.next() }) {
      let visual = try clock.measure("vision") {
        try model.visual(window) {
          tell(.encoding(.visual, done: $0, of: $1, window: window.number))
        }
      }
      if window.isLast { model.release(.visual) }
      let sync = try clock.measure("motion") {
        try model.sync(window) { tell(.encoding(.sync, done: $0, of: $1, window: window.number)) }
      }
      if window.isLast { model.release(.sync) }
      let latents = try clock.measure("sampling") {
        let velocity = try model.velocity(
          WindowConditions(text: text, visual: visual, sync: sync, latents: window.latents.count),
          guidance: settings.guidance)
        let start = try noise.latents(window.latents, on: backend)
        return try sampler(
          start, model: velocity, clamp: continuation?.clamp(noise: start),
          observe: { step in
            tell(.step(step.index + 1, of: step.count, window: window.number))
            return true
          }
        ).floats()
      }
      if window.isLast {
        model.release(.transformer)
      } else {
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
      tell(.window(window.number, secondsDone: done))
      log.debug("window \(window.number): \(clock)\(window.isStill ? ", still" : "")")
    }
    guard let plan else { preconditionFailure("a feed that ended before its last window") }
    model.release(.decoder)

    let track = feed.track
    for warning in track.warnings { tell(.warning(warning)) }
    let total = (ContinuousClock.now - began).seconds
    clock.add("total", total)
    return GenerationReport(
      samples: plan.samples, seconds: plan.seconds, windows: plan.count,
      model: .init(
        name: description.folder.name, family: description.family, folder: description.folder.path),
      parameters: .init(request, settings, negativePrompt: negative), events: track.motion.events,
      cuts: track.motion.cuts,
      energy: track.motion.energy,
      limiterReduction: sound.limiterReduction, peak: sound.peak, backend: backend.name,
      timings: clock.dictionary, speed: plan.seconds / max(total, 1e-9),
      peakMemory: ProcessMeasure.peakMemory, warnings: warnings + track.warnings)
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
      solver: request.solver ?? solver, shift: shift)
  }
}

extension GenerationReport.Parameters {
  fileprivate init(
    _ request: GenerationRequest, _ settings: SamplingSettings, negativePrompt: String
  ) {
    self.init(
      prompt: request.prompt, negativePrompt: negativePrompt, seed: request.seed,
      steps: settings.steps, guidance: settings.guidance, sampler: settings.solver)
    if case .video(_, let start, let end, _) = request.source {
      (self.start, self.end) = (start, end)
    }
  }
}
