import Foundation
import Logging
import Media
import Motion
import Sampling

/// Makes the sound of one clip.
///
/// A thread of its own decodes the video and follows its motion, a window or two ahead. For each
/// window of eight seconds the prompt, the pictures and the motion condition the model; the sampler
/// turns noise into latents, going on from the window before; the decoder turns them into sound, which
/// is written at once. A journal keeps what windows have become. Nothing grows with the length of the clip, and a part of the model that no
/// later window needs is dropped.
public struct Pipeline: Sendable {
  let description: any ModelDescription
  let resources: ModelResources
  let log = Logger(label: "foley.pipeline")

  public init(model: any ModelDescription, _ resources: ModelResources) {
    description = model
    self.resources = resources
  }

  /// - Parameters:
  ///   - sink: receives exactly the samples of the sound, in order.
  ///   - control: windows made before, and whether to go on.
  ///   - tell: called on this thread as the work goes on.
  /// - Throws: `FoleyError`, `MediaError`, `CheckpointError`, `SamplingError` or `ThreadError`.
  public func generate(
    _ request: GenerationRequest, into sink: any SoundSink, control: RunControl = RunControl(),
    tell: (ProgressEvent) -> Void = { _ in }
  ) throws -> GenerationReport {
    var clock = StageClock()
    let began = ContinuousClock.now

    // The windows of a film in parts have been made: there is nothing to look at.
    let feed = try WindowFeed(
      request, needs(looks: control.film == nil), part: control.film?.material(of: nil))
    defer { feed.abandon() }
    let expected = try feed.expectation().plan
    try sink.start(expectedSamples: expected?.samples)
    tell(
      .started(
        seconds: expected?.seconds, windows: control.film?.windowCount ?? expected?.count))

    let windows = try sampler(request, control, &clock, tell: tell)
    let (model, settings) = (windows.model, windows.settings)
    let warnings = description.warnings + model.warnings
    var made = WindowHistory(control, channels: model.latentChannels)
    var sound = SoundOutput(
      decoder: try model.decoder(seed: request.seed, aligns: request.aligns),
      aligns: request.aligns, sink: sink)
    var (plan, count): (WindowPlan?, Int) = (nil, 0)
    var breaks: [Double] = []

    while let window = try clock.measure("waiting for video", { try feed.next() }) {
      let latents = try made.latents(of: window) { continuation in
        try windows.latents(
          of: window, prompt: control.retake?.prompt ?? window.prompt, after: continuation, &clock,
          tell: tell)
      }
      try clock.measure("sound") {
        try sound.write(
          Array(latents.prefix(window.settled * model.latentChannels)), rows: window.settled,
          seen: window.events, until: window.seenUntil, quiet: window.isStill,
          end: window.plan?.samples)
      }
      (plan, count) = (window.plan, window.number)
      if window.startsAnew && window.index > 0 {
        breaks.append(Clock.seconds(of: window.latents.lowerBound))
      }
      let done = window.secondsDone
      tell(.window(window.number, secondsDone: done))
      log.debug("window \(window.number): \(clock)\(window.isStill ? ", still" : "")")
      if !window.isLast && control.shouldStop() { throw FoleyError.stopped(seconds: done) }
    }
    guard let plan else { preconditionFailure("a feed that ended before its last window") }
    model.release(.decoder)

    let track = feed.track
    for warning in track.warnings { tell(.warning(warning)) }
    let total = (ContinuousClock.now - began).seconds
    clock.add("total", total)
    return GenerationReport(
      samples: plan.samples, seconds: plan.seconds, windows: count,
      model: .init(
        name: description.folder.name, family: description.family, folder: description.folder.path),
      parameters: .init(request, settings, negativePrompt: negativePrompt(request)),
      events: track.motion.events,
      cuts: track.motion.cuts, breaks: breaks,
      energy: track.motion.energy,
      alignment: sound.alignment, limiterReduction: sound.limiterReduction, peak: sound.peak,
      backend: resources.backend.name,
      timings: clock.dictionary, speed: plan.seconds / max(total, 1e-9),
      peakMemory: ProcessMeasure.peakMemory, warnings: warnings + track.warnings)
  }
}

extension Pipeline {
  func needs(looks: Bool = true) -> WindowNeeds {
    WindowNeeds(
      pictures: { [description] in looks ? description.pictures(prompt: $0) : PictureWishes() },
      lastWindow: description.lastWindow,
      findsStillness: description.keepsStillScenesQuiet)
  }

  /// Loads the model and encodes what is said.
  func sampler(
    _ request: GenerationRequest, _ control: RunControl, _ clock: inout StageClock,
    tell: (ProgressEvent) -> Void
  ) throws -> WindowSampler {
    let model = try clock.measure("load") { try description.load(resources) }
    for warning in description.warnings + model.warnings { tell(.warning(warning)) }
    tell(.loaded(model: description.folder.name, backend: resources.backend.name))
    let prompts = request.prompts + [control.retake?.prompt].compactMap { $0 }
    let texts = try clock.measure("text") {
      try prompts.reduce(into: [:]) {
        $0[$1] = try $0[$1] ?? model.text(prompt: $1, negative: negativePrompt(request))
      }
    }
    model.release(.text)
    return try WindowSampler(
      model, texts: texts, description.sampling.replaced(by: request),
      noise: try LatentNoise(request, seed: control.retake?.seed, channels: model.latentChannels),
      on: resources.backend)
  }

  private func negativePrompt(_ request: GenerationRequest) -> String {
    request.negativePrompt ?? description.negativePrompt
  }
}

/// What steers a run from outside; none of it changes the sound of a run that comes to its end.
public struct RunControl {
  /// Where the windows are kept, and those that are there need not be made.
  public var journal: Journal?
  /// A part of what the journal holds is made again.
  public var retake: Retake?
  /// The journal holds all windows of a film that was watched before.
  public var film: FilmPlan?
  /// Asked after every window but the last; true ends the run with `FoleyError.stopped`.
  public var shouldStop: () -> Bool

  public init(
    journal: Journal? = nil, retake: Retake? = nil, film: FilmPlan? = nil,
    shouldStop: @escaping () -> Bool = { false }
  ) {
    (self.journal, self.retake, self.film) = (journal, retake, film)
    self.shouldStop = shouldStop
  }
}

extension Pipeline {
  /// The terms of everything in the model's folder.
  public func licences() throws(FoleyError) -> [ModelLicence] { try description.licences() }

  /// The first record of a journal for a run of this request.
  ///
  /// - Parameter output: what the caller wants to know again.
  /// - Throws: where the model's files cannot be told.
  public func journalHead(
    _ request: GenerationRequest, output: [String: String] = [:]
  ) throws -> JournalHead {
    JournalHead(
      identity: try RunIdentity(
        request, description.sampling.replaced(by: request), model: description,
        precision: resources.precision),
      request: request, model: description.folder.path, precision: resources.precision,
      output: output)
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
