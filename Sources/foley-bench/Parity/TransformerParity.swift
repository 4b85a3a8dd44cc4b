import Checkpoints
import Networks
import Sampling
import Tensors

/// How a fixture's transformer was built. What is not said is as in the published configuration.
struct TransformerFixture: Decodable {
  private let modelKwargs: Arguments
  let solver: String?
  let numInferenceSteps: Int?
  let guidanceScale: Float?
  let shift: Float?

  private struct Arguments: Decodable {
    let depthTripleBlocks: Int
    let depthSingleBlocks: Int
    let hiddenSize: Int
    let numHeads: Int
    let audioVaeLatentDim: Int?
    let conditionDim: Int?
    let clipDim: Int?
    let syncFeatDim: Int?
  }

  var transformer: TransformerConfiguration {
    let arguments = modelKwargs
    return TransformerConfiguration(
      width: arguments.hiddenSize, heads: arguments.numHeads,
      tripleBlocks: arguments.depthTripleBlocks, singleBlocks: arguments.depthSingleBlocks,
      latentChannels: arguments.audioVaeLatentDim ?? 128, textWidth: arguments.conditionDim ?? 768,
      visualWidth: arguments.clipDim ?? 768, syncWidth: arguments.syncFeatDim ?? 768)
  }
}

extension ParityCheck {
  private func transformer(_ fixture: Fixture) throws -> (DiffusionTransformer, TransformerFixture)
  {
    let configuration = try fixture.configuration(TransformerFixture.self)
    let weights = try fixture.weights(on: backend)
    let network = try DiffusionTransformer(weights, configuration.transformer)
    try weights.checkAllRead()
    return (network, configuration)
  }

  /// One pass with its intermediates.
  func transformerPass(_ fixture: Fixture) throws -> [Comparison] {
    let (network, _) = try transformer(fixture)
    let recording = try fixture.recording()
    let times = try recording.input("t", on: backend).floats()
    guard let time = times.first, times.allSatisfy({ $0 == time }) else {
      throw FixtureError.unusable(file: fixture.folder.path, reason: "entries at different times")
    }
    let x = try recording.input("x", on: backend).transposed()
    var computed: [String: Tensor] = [:]
    let observe = { (name: String, value: Tensor) in computed["mid." + name] = value }
    let conditions = network.conditions(
      text: try recording.input("cond", on: backend),
      visual: try recording.input("clip_feat", on: backend),
      sync: try recording.input("sync_feat", on: backend), latents: x.shape[1], observe: observe)
    computed["x"] = network.forward(x, time: time, conditions, observe: observe).transposed()

    return try recording.outputs.map { name in
      let recorded = try recording.output(name)
      guard let value = computed[name] else {
        return Comparison(fixture: fixture.name, output: name, .failed(reason: "not computed"))
      }
      return Comparison(
        fixture: fixture, output: name, computed: fitted(value, to: recorded.shape),
        recorded: recorded)
    }
  }

  /// The time vector is computed once for all entries but recorded for each; of long sequences only
  /// every fourth token is recorded.
  private func fitted(_ x: Tensor, to shape: Shape) -> Tensor {
    if x.shape.rank == 2 && shape.rank == 2 && x.shape[0] == 1 {
      return x.view.picking(rows: backend.rowIndex([Int](repeating: 0, count: shape[0]))).copied()
    }
    guard x.shape.rank == 3, shape.rank == 3, x.shape[1] > shape[1],
      (x.shape[1] + 3) / 4 == shape[1]
    else { return x }
    let rows = (0..<x.shape[0]).flatMap { entry in
      stride(from: 0, to: x.shape[1], by: 4).map { entry * x.shape[1] + $0 }
    }
    return x.view.picking(rows: backend.rowIndex(rows)).copied().reshaped(shape)
  }

  /// The guided model and noise of a recorded run.
  ///
  /// - Parameter guidance: in place of the recorded one.
  func recordedRun(_ fixture: Fixture, guidance: Float? = nil) throws -> TrajectoryFixture {
    try TrajectoryFixture(fixture, transformer: transformer(fixture), guidance: guidance)
  }

  /// A whole guided run.
  func trajectory(_ fixture: Fixture) throws -> [Comparison] {
    let run = try recordedRun(fixture)
    guard run.solver == "euler" else {
      return [
        Comparison(
          fixture: fixture.name, output: "-",
          .skipped(
            reason: "the published loop gives each stage of \(run.solver) a step of its own and so "
              + "ends before sigma 0; recorded as documentation, not a target"))
      ]
    }
    let schedule = try SigmaSchedule(steps: run.steps, shift: run.shift)
    let times = schedule.sigmas.dropLast().map(SigmaSchedule.time)
    var computed = [
      "sigmas": backend.tensor(schedule.sigmas, [schedule.sigmas.count]),
      "timesteps": backend.tensor(times, [times.count]),
      "model_timesteps": backend.tensor(times, [times.count]),
    ]
    let sampler = Sampler(solver: .euler, schedule: schedule)
    let latents = try sampler(run.noise, model: run.model) { step in
      computed["step_\(step.index)"] = step.latents.transposed()
      computed["guided_velocity_\(step.index)"] = step.velocity.transposed()
      return true
    }
    computed["latents"] = latents.transposed()
    let recording = try fixture.recording()
    return try recording.outputs.map { name in
      guard let value = computed[name] else {
        return Comparison(fixture: fixture.name, output: name, .failed(reason: "not computed"))
      }
      return Comparison(
        fixture: fixture, output: name, computed: value, recorded: try recording.output(name))
    }
  }
}

/// The guided model and noise of a recorded run.
struct TrajectoryFixture {
  let model: GuidedTransformer
  /// [1, A, C]
  let noise: Tensor
  let solver: String
  let steps: Int
  let shift: Float

  init(
    _ fixture: Fixture, transformer: (network: DiffusionTransformer, settings: TransformerFixture),
    guidance: Float?
  ) throws {
    let (network, settings) = transformer
    guard let solver = settings.solver, let steps = settings.numInferenceSteps,
      let recordedGuidance = settings.guidanceScale
    else {
      throw FixtureError.unusable(
        file: fixture.folder.path, reason: "fixture.json lacks solver, steps or guidance")
    }
    self.solver = solver
    self.steps = steps
    shift = settings.shift ?? 1
    let recording = try fixture.recording()
    let backend = network.emptyVisual.backend
    noise = try recording.input("noise", on: backend).transposed()
    let visual = try recording.input("siglip2_feat", on: backend)
    let sync = try recording.input("syncformer_feat", on: backend)
    let text = try recording.input("text_feat", on: backend)
    let negative = try recording.input("uncond_text_feat", on: backend)
    guard negative.shape == text.shape else {
      throw FixtureError.unusable(
        file: fixture.folder.path, reason: "the two texts are not padded to one length")
    }
    let conditions = network.conditions(
      text: stacked([negative, text]),
      visual: stacked([network.emptyVisual(tokens: visual.shape[1]), visual]),
      sync: stacked([network.emptySync(tokens: sync.shape[1]), sync]), latents: noise.shape[1])
    model = GuidedTransformer(network, guided: conditions, guidance: guidance ?? recordedGuidance)
  }
}

/// Tensors of one shape [1, T, C] -> [count, T, C].
private func stacked(_ parts: [Tensor]) -> Tensor {
  concatenatedRows(parts.map(\.view)).reshaped(parts[0].shape.replacing(axis: 0, with: parts.count))
}
