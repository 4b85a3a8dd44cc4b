import Checkpoints
import Networks
import ReferenceBackend
import Sampling
import Tensors
import TestSupport
import Testing

@Suite struct GuidanceTests {
  private let backend = Reference()
  private let tiny = TransformerConfiguration.tiny

  private func noise(_ seed: UInt64, _ shape: Shape) -> Tensor {
    backend.tensor(GaussianNoise(seed: seed).rows(0..<shape.count, channels: 1), shape)
  }

  /// Without, with, and both: guidance exaggerates the difference.
  @Test func exaggeratesTheDifference() throws {
    let weights = Weights(RandomSource(shapes: tiny.shapes, seed: 7), on: backend)
    let network = try DiffusionTransformer(weights, tiny)
    let (text, visual, sync) = (noise(1, [2, 3, 10]), noise(2, [2, 4, 12]), noise(3, [2, 8, 8]))
    func conditions(_ entries: Range<Int>) -> Conditions {
      network.conditions(
        text: text[entries], visual: visual[entries], sync: sync[entries], latents: 12)
    }
    let x = noise(4, [1, 12, 6])
    let without = GuidedTransformer(network, conditions: conditions(0..<1))
      .velocity(x, sigma: 0.6).floats()
    let with = GuidedTransformer(network, conditions: conditions(1..<2))
      .velocity(x, sigma: 0.6).floats()
    #expect(with == network(x, time: 600, conditions(1..<2)).floats())
    for guidance: Float in [0, 1, 3.5] {
      let guided = GuidedTransformer(network, guided: conditions(0..<2), guidance: guidance)
        .velocity(x, sigma: 0.6)
      #expect(guided.shape == x.shape)
      let expected = zip(without, with).map { $0 + guidance * ($1 - $0) }
      #expect(relativeError(guided.floats(), expected) < 1e-5)
    }

    // Outside an interval of noise levels it is not exaggerated; the bounds belong to it.
    let limited = GuidedTransformer(
      network, guided: conditions(0..<2), guidance: 3.5,
      within: (0.4...0.6, conditions(1..<2)))
    let everywhere = GuidedTransformer(network, guided: conditions(0..<2), guidance: 3.5)
    let never = GuidedTransformer(network, conditions: conditions(1..<2))
    for (sigma, expected) in [(0.3, never), (0.4, everywhere), (0.6, everywhere), (0.7, never)]
      as [(Float, GuidedTransformer)]
    {
      #expect(
        limited.velocity(x, sigma: sigma).floats() == expected.velocity(x, sigma: sigma).floats())
    }
  }
}

@Suite struct PreconditioningTests {
  private let backend = Reference()

  /// A network that knows the sound z answers so that the velocity is n - z, at every noise level.
  @Test(arguments: [Float(1), 0.7, 0.3, 0.01, 0])
  func isExactForAPerfectAnswer(sigma: Float) {
    let variances: [Float] = [0.04, 1, 9]
    let scaling = Preconditioning(variances: variances, on: backend)
    let (z, n) = ([0.3, -1.2, 4] as [Float], [1.1, 0.2, -0.7] as [Float])
    let t = 1 - sigma
    let x = zip(z, n).map { t * $0 + sigma * $1 }
    let totals = variances.map { t * t * $0 + sigma * sigma }
    let answer = (0..<3).map { c in
      // From the definition of the estimate of z, multiplied out so that sigma may be 0.
      (sigma * z[c] - t * variances[c] * n[c]) / (variances[c] * totals[c]).squareRoot()
    }
    let shape: Shape = [1, 1, 3]
    let velocity = scaling.velocity(
      backend.tensor(x, shape), answer: backend.tensor(answer, shape), sigma: sigma)
    let expected = zip(n, z).map { $0 - $1 }
    #expect(relativeError(velocity.floats(), expected) < 1e-6)

    let input = scaling.input(backend.tensor(x, shape), sigma: sigma).floats()
    for c in 0..<3 { #expect(abs(input[c] - x[c] / totals[c].squareRoot()) < 1e-5) }
  }

  @Test func variancesArePositive() throws {
    func weights(_ variances: [Float]) -> Weights {
      Weights(
        RandomSource(shapes: [:], seed: 0).replacing([
          "latent_variance": HostTensor(
            copying: variances, shape: [variances.count], dtype: .f32)
        ]), on: backend)
    }
    _ = try Preconditioning(weights([1, 2]), channels: 2)
    #expect(throws: CheckpointError.self) { try Preconditioning(weights([1, 0]), channels: 2) }
    #expect(throws: CheckpointError.self) { try Preconditioning(weights([1, .nan]), channels: 2) }
    #expect(throws: CheckpointError.self) { try Preconditioning(weights([1, 2]), channels: 3) }
  }
}
