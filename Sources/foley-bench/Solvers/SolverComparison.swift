import Sampling
import Tensors

/// How far each solver ends from a run of very many small steps, at equal cost.
struct SolverComparison {
  let model: any VelocityModel
  /// Where all runs begin, [B, A, C].
  let noise: Tensor
  let shift: Float
  private let reference: [Float]

  struct Row {
    let solver: Solver
    let evaluations: Int
    /// Relative L2 distance of the final latents from the reference run's.
    let error: Double
  }

  /// - Parameter referenceSteps: Euler steps of the run that counts as the truth.
  init(model: any VelocityModel, noise: Tensor, shift: Float, referenceSteps: Int)
    throws(SamplingError)
  {
    self.model = model
    self.noise = noise
    self.shift = shift
    let sampler = Sampler(
      solver: .euler, schedule: try SigmaSchedule(steps: referenceSteps, shift: shift))
    reference = try sampler(noise, model: model).floats()
  }

  /// A solver allowed to ask the model `evaluations` times; nil where its steps do not add up to that.
  func row(_ solver: Solver, evaluations: Int) throws(SamplingError) -> Row? {
    guard evaluations % solver.evaluationsPerStep == 0 else { return nil }
    let steps = evaluations / solver.evaluationsPerStep
    let sampler = Sampler(solver: solver, schedule: try SigmaSchedule(steps: steps, shift: shift))
    let latents = try sampler(noise, model: model).floats()
    return Row(
      solver: solver, evaluations: evaluations, error: relativeDistance(latents, reference))
  }
}

/// ||a - b|| / ||b||
func relativeDistance(_ a: [Float], _ b: [Float]) -> Double {
  var (error, size) = (0.0, 0.0)
  for (x, y) in zip(a, b) {
    error += Double(x - y) * Double(x - y)
    size += Double(y) * Double(y)
  }
  return (error / size).squareRoot()
}
