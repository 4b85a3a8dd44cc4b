import Foundation
import ReferenceBackend
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import Sampling

private let backend = Reference()

/// The exact flow to Gaussian data of the given channel variances: whatever the noise n, the run ends at
/// sqrt(variance) · n.
private struct GaussianFlow: VelocityModel {
  let preconditioning: Preconditioning
  let asked = Asked()

  final class Asked: Sendable {
    let sigmas = Mutex<[Float]>([])
  }

  init(_ variances: [Float]) {
    preconditioning = Preconditioning(variances: variances, on: backend)
  }

  func velocity(_ x: Tensor, sigma: Float) -> Tensor {
    asked.sigmas.withLock { $0.append(sigma) }
    return preconditioning.velocity(x, answer: x * 0, sigma: sigma)
  }
}

/// A velocity that becomes infinite below a noise level.
private struct BrokenModel: VelocityModel {
  func velocity(_ x: Tensor, sigma: Float) -> Tensor { sigma > 0.5 ? x : x * .infinity }
}

@Suite struct SolverTests {
  private let variances: [Float] = [0.1, 2]
  private let noise = GaussianNoise(seed: 4).latents(0..<8, channels: 2, on: backend)

  private var sound: [Float] {
    let values = noise.floats()
    return values.indices.map { values[$0] * variances[$0 % 2].squareRoot() }
  }

  private func error(_ solver: Solver, _ schedule: SigmaSchedule) throws -> Double {
    relativeError(
      try Sampler(solver: solver, schedule: schedule)(noise, model: GaussianFlow(variances))
        .floats(), sound)
  }

  /// Twice the steps: half the error for a first-order solver, at most a quarter, roughly, for a
  /// second-order one (midpoint happens to do better on this flow); on an even grid and on a bent one.
  @Test(arguments: Solver.allCases, [Float(1), 3])
  func convergesAtItsOrder(solver: Solver, shift: Float) throws {
    let coarse = try error(solver, SigmaSchedule(steps: 20, shift: shift))
    let fine = try error(solver, SigmaSchedule(steps: 40, shift: shift))
    let ratio = coarse / fine
    #expect(solver == .euler ? (1.7...2.3).contains(ratio) : ratio > 3.3, "\(ratio)")
    #expect(fine < (solver == .euler ? 0.05 : 0.004), "\(fine)")
  }

  /// Irregular on purpose: neighbouring steps differ by up to a factor of four.
  @Test func multistepBearsIrregularGrids() throws {
    func grid(_ parts: Int) throws -> SigmaSchedule {
      let corners: [Float] = [1, 0.9, 0.5, 0.42, 0.3, 0]
      var sigmas: [Float] = []
      for (a, b) in zip(corners, corners.dropFirst()) {
        sigmas += (0..<parts).map { a + (b - a) * Float($0) / Float(parts) }
      }
      return try SigmaSchedule(sigmas: sigmas + [0])
    }
    let ratio = try error(.multistep, grid(16)) / error(.multistep, grid(32))
    #expect((3.3...4.8).contains(ratio), "\(ratio)")
  }

  @Test(arguments: Solver.allCases)
  func asksAsOftenAsItSays(solver: Solver) throws {
    let model = GaussianFlow(variances)
    let sampler = Sampler(solver: solver, schedule: try SigmaSchedule(steps: 7))
    var steps: [Int] = []
    var last: Float = 1
    _ = try sampler(noise, model: model) { step in
      #expect(step.sigma == last && step.count == 7)
      #expect(step.latents.shape == noise.shape && step.velocity.shape == noise.shape)
      last = step.nextSigma
      steps.append(step.index)
      return true
    }
    #expect(steps == Array(0..<7))
    #expect(last == 0)
    let asked = model.asked.sigmas.withLock { $0 }
    #expect(asked.count == sampler.evaluations)
    #expect(asked.first == 1)
    #expect(asked.contains(0) == (solver == .heun))
  }

  @Test func brokenModelsAreReported() throws {
    let sampler = Sampler(solver: .euler, schedule: try SigmaSchedule(steps: 4))
    #expect(throws: SamplingError.notFinite(step: 2, sigma: 0.25, values: 16, of: 16)) {
      try sampler(noise, model: BrokenModel())
    }
    #expect(
      SamplingError.notFinite(step: 2, sigma: 0.25, values: 16, of: 16).description
        == "16 of 16 latent values are not finite numbers after step 3 (sigma 0.25); "
        + "the model's weights may be damaged")
  }

  @Test func observersMayStop() throws {
    let sampler = Sampler(solver: .euler, schedule: try SigmaSchedule(steps: 4))
    #expect(throws: SamplingError.stopped(step: 2)) {
      try sampler(noise, model: GaussianFlow(variances)) { $0.index < 1 }
    }
  }
}

@Suite struct ScheduleTests {
  @Test func fallsEvenlyFromOneToZero() throws {
    #expect(try SigmaSchedule(steps: 5).sigmas == [1, 0.8, 0.6, 0.4, 0.2, 0])
    #expect(SigmaSchedule.time(0.8) == 800)
  }

  @Test func shiftBends() throws {
    let sigmas = try SigmaSchedule(steps: 4, shift: 3).sigmas
    #expect(sigmas == [1, 0.9, 0.75, 0.5, 0])
  }

  @Test func refusesWhatDoesNotFall() {
    #expect(throws: SamplingError.self) { try SigmaSchedule(steps: 0) }
    #expect(throws: SamplingError.self) { try SigmaSchedule(steps: 3, shift: 0) }
    #expect(throws: SamplingError.self) { try SigmaSchedule(steps: 3, shift: .nan) }
    for sigmas in [
      [], [0], [1, 0.5], [1, 0.5, 0.5, 0], [1.5, 0], [1, 0.2, 0.4, 0], [1, .nan, 0],
    ]
      as [[Float]]
    {
      #expect(throws: SamplingError.self, "\(sigmas)") { try SigmaSchedule(sigmas: sigmas) }
    }
  }
}

@Suite struct ClampTests {
  private let variances: [Float] = [0.1, 2]
  private let noise = GaussianNoise(seed: 4).latents(0..<8, channels: 2, on: backend)
  private let known = GaussianNoise(seed: 9).latents(0..<8, channels: 2, on: backend)

  /// Held latents end as given and stand on the straight line to it on the way; free ones do not notice;
  /// half-held ones end between.
  @Test(arguments: Solver.allCases)
  func holdsWhatIsKnown(solver: Solver) throws {
    let clamp = LatentClamp(known: known, noise: noise, weights: [1, 1, 1, 0.5, 0, 0, 0, 0])
    let sampler = Sampler(solver: solver, schedule: try SigmaSchedule(steps: 6))
    let (z, n) = (known.floats(), noise.floats())
    let free = try sampler(noise, model: GaussianFlow(variances)).floats()
    let held = try sampler(noise, model: GaussianFlow(variances), clamp: clamp) { step in
      let x = step.latents.floats()
      for index in 0..<6 {
        let expected = (1 - step.nextSigma) * z[index] + step.nextSigma * n[index]
        #expect(abs(x[index] - expected) < 1e-6)
      }
      return true
    }.floats()
    #expect(Array(held[..<6]) == Array(z[..<6]))
    #expect(Array(held[8...]) == Array(free[8...]))
    for index in 6..<8 {
      let (low, high) = (min(z[index], free[index]), max(z[index], free[index]))
      #expect((low - 0.2...high + 0.2).contains(held[index]))
    }
  }
}

@Suite struct NoiseTests {
  /// The noise of a latent does not depend on the window it is seen through.
  @Test func isAddressedByPlace() {
    let noise = GaussianNoise(seed: 12)
    let whole = noise.latents(0..<500, channels: 6, on: backend)
    let window = noise.latents(300..<500, channels: 6, on: backend)
    #expect(window.shape == [1, 200, 6])
    #expect(Array(whole.floats()[1800...]) == window.floats())
    #expect(noise.value(index: 321, channel: 5) == whole.floats()[321 * 6 + 5])
    #expect(
      GaussianNoise(seed: 13).latents(0..<500, channels: 6, on: backend).floats()
        != whole.floats())
  }

  @Test func isStandardNormal() {
    let values = GaussianNoise(seed: 2).rows(0..<20_000, channels: 5).map(Double.init)
    let mean = values.reduce(0, +) / 1e5
    let variance = values.reduce(0) { $0 + $1 * $1 } / 1e5
    let fourth = values.reduce(0) { $0 + pow($1, 4) } / 1e5
    // Three standard errors of 100,000 draws.
    #expect(abs(mean) < 0.01 && abs(variance - 1) < 0.014 && abs(fourth - 3) < 0.1)
  }
}
