import Tensors

/// How a step from one noise level to the next follows the velocity.
public enum Solver: String, Sendable, CaseIterable, Codable {
  /// Straight along the velocity at the start; first order.
  case euler
  /// Along the mean of the velocities at the start and at Euler's end; second order.
  case heun
  /// Along the velocity half-way; second order, and never asks the model about sigma 0.
  case midpoint
  /// Along the velocity at the start, bent by how it changed since the step before (Adams-Bashforth on
  /// an uneven grid); second order at the price of Euler. The first step is Euler's.
  case multistep

  /// How often a step asks the model.
  public var evaluationsPerStep: Int {
    switch self {
    case .euler, .multistep: 1
    case .heun, .midpoint: 2
    }
  }
}

/// A run under way: carries what a solver remembers from step to step.
struct SolverState {
  let solver: Solver
  /// Velocity at clamped latents: the only way the solver asks the model.
  let velocity: (_ x: Tensor, _ sigma: Float) -> Tensor
  private var previous: (velocity: Tensor, length: Float)?

  init(_ solver: Solver, velocity: @escaping (_ x: Tensor, _ sigma: Float) -> Tensor) {
    self.solver = solver
    self.velocity = velocity
  }

  /// Latents at `sigma` -> latents at `next`, and the velocity at `sigma`.
  mutating func step(_ x: Tensor, from sigma: Float, to next: Float) -> (Tensor, velocity: Tensor) {
    let length = next - sigma
    let start = velocity(x, sigma)
    switch solver {
    case .euler:
      return (x.moved(length, along: start), start)
    case .heun:
      let end = velocity(x.moved(length, along: start), next)
      return (x.moved(length / 2, along: start).moved(length / 2, along: end), start)
    case .midpoint:
      let middle = velocity(x.moved(length / 2, along: start), sigma + length / 2)
      return (x.moved(length, along: middle), start)
    case .multistep:
      defer { previous = (start, length) }
      guard let previous else { return (x.moved(length, along: start), start) }
      let bend = length * length / (2 * previous.length)
      return (
        x.moved(length + bend, along: start).moved(-bend, along: previous.velocity), start
      )
    }
  }
}

extension Tensor {
  fileprivate func moved(_ length: Float, along velocity: Tensor) -> Tensor {
    combined(1, with: velocity.view, length)
  }
}
