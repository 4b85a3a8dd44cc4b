import Networks
import Tensors

/// A model of the flow from noise to sound: for latents at noise level sigma, the velocity
/// `dx / dsigma` along which they move. Integrating it from sigma 1 to 0 turns noise into a sound.
public protocol VelocityModel: Sendable {
  /// - Parameters:
  ///   - x: [B, A, C], A latents of C channels.
  ///   - sigma: 0...1.
  /// - Returns: [B, A, C]
  func velocity(_ x: Tensor, sigma: Float) -> Tensor
}

/// A diffusion transformer steered by classifier-free guidance: what it says with the conditions is
/// exaggerated against what it says without them, `u + guidance · (c - u)`.
public struct GuidedTransformer: VelocityModel {
  private let branches: Branches
  private let guidance: Float
  private let preconditioning: Preconditioning?
  /// The noise levels at which it is guided, and the conditional entries alone for all others.
  private let interval: (sigmas: ClosedRange<Float>, branches: Branches)?

  /// The transformer under conditions of one batch.
  private struct Branches {
    let batch: Int
    /// For latents and a time.
    let pass: @Sendable (Tensor, Float) -> Tensor

    init(_ transformer: DiffusionTransformer, _ conditions: Conditions) {
      batch = conditions.batch
      pass = transformer.passes(conditions)
    }
  }

  /// Guided; both branches run as one batch.
  ///
  /// - Parameters:
  ///   - conditions: of batch 2·B: first the B unconditional entries, then the B conditional ones.
  ///   - guidance: 1 leaves the conditional branch as it is; prefer the other initialiser then.
  ///   - interval: the noise levels at which it is guided, and the B conditional entries for the others, at half
  ///     the cost (Kynkäänniemi et al., Applying Guidance in a Limited Interval, 2024); nil: all levels.
  ///   - preconditioning: nil where the network's output is the velocity itself.
  public init(
    _ transformer: DiffusionTransformer, guided conditions: Conditions, guidance: Float,
    within interval: (sigmas: ClosedRange<Float>, conditions: Conditions)? = nil,
    preconditioning: Preconditioning? = nil
  ) {
    precondition(conditions.batch % 2 == 0, "guidance needs pairs of conditions")
    branches = Branches(transformer, conditions)
    self.guidance = guidance
    self.interval = interval.map { ($0.sigmas, Branches(transformer, $0.conditions)) }
    self.preconditioning = preconditioning
  }

  /// Unguided, at half the cost: conditions of batch B.
  public init(
    _ transformer: DiffusionTransformer, conditions: Conditions,
    preconditioning: Preconditioning? = nil
  ) {
    branches = Branches(transformer, conditions)
    guidance = 1
    interval = nil
    self.preconditioning = preconditioning
  }

  public func velocity(_ x: Tensor, sigma: Float) -> Tensor {
    let input = preconditioning?.input(x, sigma: sigma) ?? x
    let told = interval.flatMap { $0.sigmas.contains(sigma) ? nil : $0.branches } ?? branches
    let answer = answer(input, time: SigmaSchedule.time(sigma), told)
    return preconditioning?.velocity(x, answer: answer, sigma: sigma) ?? answer
  }

  private func answer(_ x: Tensor, time: Float, _ branches: Branches) -> Tensor {
    let entries = x.shape[0]
    guard branches.batch == 2 * entries else {
      precondition(
        branches.batch == entries, "\(entries) entries, conditions of \(branches.batch)")
      return branches.pass(x, time)
    }
    let rows = x.reshaped([1, x.rows, x.channels]).view
    let pair = concatenatedRows([rows, rows])
      .reshaped(x.shape.replacing(axis: 0, with: 2 * entries))
    let both = branches.pass(pair, time)
    let (without, with) = (both[0..<entries], both[entries..<2 * entries])
    return without.combined(1 - guidance, with: with.view, guidance)
  }
}
