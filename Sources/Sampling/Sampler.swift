import Tensors

/// Turns noise into latents of a sound by following a model's velocity down a schedule of noise levels.
public struct Sampler: Sendable {
  public var solver: Solver
  public var schedule: SigmaSchedule

  /// What an observer sees after every step.
  public struct Step {
    /// 0 ..< count
    public let index: Int
    public let count: Int
    public let sigma: Float
    public let nextSigma: Float
    /// The model's velocity at `sigma`, [B, A, C].
    public let velocity: Tensor
    /// The latents at `nextSigma`, [B, A, C].
    public let latents: Tensor
  }

  public init(solver: Solver, schedule: SigmaSchedule) {
    self.solver = solver
    self.schedule = schedule
  }

  /// How often a run asks the model.
  public var evaluations: Int { schedule.steps * solver.evaluationsPerStep }

  /// - Parameters:
  ///   - noise: the latents at the schedule's first noise level, [B, A, C].
  ///   - clamp: latents to be held to known values.
  ///   - observe: called after every step; false stops the run.
  /// - Returns: the latents at sigma 0, [B, A, C].
  /// - Throws: `SamplingError.notFinite` as soon as a value is not a finite number, `.stopped`.
  public func callAsFunction(
    _ noise: Tensor, model: some VelocityModel, clamp: LatentClamp? = nil,
    observe: (Step) -> Bool = { _ in true }
  ) throws(SamplingError) -> Tensor {
    var state = SolverState(solver) { x, sigma in
      model.velocity(clamp?(x, sigma: sigma) ?? x, sigma: sigma)
    }
    var x = noise
    for index in 0..<schedule.steps {
      let (sigma, next) = (schedule.sigmas[index], schedule.sigmas[index + 1])
      let (moved, velocity) = state.step(x, from: sigma, to: next)
      x = clamp?(moved, sigma: next) ?? moved
      try checkFinite(x, step: index, sigma: next)
      let step = Step(
        index: index, count: schedule.steps, sigma: sigma, nextSigma: next, velocity: velocity,
        latents: x)
      if !observe(step) { throw .stopped(step: index + 1) }
    }
    return x
  }

  private func checkFinite(_ x: Tensor, step: Int, sigma: Float) throws(SamplingError) {
    let broken = x.floats().count { !$0.isFinite }
    if broken > 0 {
      throw .notFinite(step: step, sigma: sigma, values: broken, of: x.shape.count)
    }
  }
}

extension GaussianNoise {
  /// The noise a run begins with, [1, A, C]: that of the latents at absolute places `latents`, whatever
  /// window they are looked at through.
  public func latents(_ latents: Range<Int>, channels: Int, on backend: any Backend) -> Tensor {
    backend.tensor(rows(latents, channels: channels), [1, latents.count, channels])
  }
}
