import CPUBackend
import Checkpoints
import Networks
import ReferenceBackend
import Tensors
import TestSupport
import Testing

@Suite struct EfficientNetTests {
  static let shapes: [String: Shape] = {
    var shapes: [String: Shape] = [:]
    func layer(_ key: String, _ shape: Shape, channels: Int) {
      shapes[key + ".weight"] = shape
      shapes[key + ".bias"] = [channels]
    }
    layer("stem", [32, 3, 3, 3], channels: 32)
    let stages = [
      (1, 3, 1, 16), (2, 3, 6, 24), (2, 5, 6, 40), (3, 3, 6, 80), (3, 5, 6, 112), (4, 5, 6, 192),
      (1, 3, 6, 320),
    ]
    var (block, input) = (0, 32)
    for (repeats, kernel, expansion, output) in stages {
      for _ in 0..<repeats {
        let hidden = input * expansion
        if expansion > 1 { layer("blocks.\(block).expand", [hidden, input], channels: hidden) }
        layer("blocks.\(block).depthwise", [kernel, kernel, hidden], channels: hidden)
        layer("blocks.\(block).project", [output, hidden], channels: output)
        (block, input) = (block + 1, output)
      }
    }
    layer("head", [1280, 320], channels: 1280)
    layer("classifier", [1000, 1280], channels: 1000)
    return shapes
  }()

  /// A gain that keeps a picture's differences alive through all layers; much more, and the network
  /// turns chaotic and magnifies rounding errors.
  private static let source = RandomSource(shapes: shapes, seed: 5, gain: 1.4) { key, shape in
    key.hasSuffix("depthwise.weight") ? shape[0] * shape[1] : nil
  }

  private static let images: (values: [Float], shape: Shape) = {
    let shape: Shape = [2, 20, 33, 3]
    return (GaussianNoise(seed: 1).rows(0..<shape.count, channels: 1), shape)
  }()

  private func logits(on backend: any Backend, entries: Range<Int> = 0..<2) throws -> Tensor {
    let weights = Weights(EfficientNetTests.source, on: backend)
    let classifier = try EfficientNetLite0(weights)
    try weights.checkAllRead()
    let (values, shape) = EfficientNetTests.images
    return classifier(backend.tensor(values, shape)[entries])
  }

  /// Sums in single precision, through 50 layers.
  @Test func fastKernelsAgree() throws {
    let fast = try logits(on: CPUBackend(threads: 2)).floats()
    let error = relativeError(fast, try logits(on: Reference()).floats())
    #expect(error < 1e-5)
  }

  /// Sizes that halve evenly and oddly; each picture by itself.
  @Test func picturesDoNotMix() throws {
    let both = try logits(on: CPUBackend(threads: 2))
    #expect(both.shape == [2, 1000])
    let values = both.floats()
    #expect(!values.contains { !$0.isFinite })
    let second = try logits(on: CPUBackend(threads: 2), entries: 1..<2).floats()
    #expect(relativeError(Array(values[1000...]), second) < 1e-6)
    #expect(relativeError(Array(values[1000...]), Array(values[..<1000])) > 1e-3)
  }

  @Test func otherNetworksAreRefused() {
    var shapes = EfficientNetTests.shapes
    shapes["blocks.3.depthwise.weight"] = [3, 3, 144]
    let weights = Weights(RandomSource(shapes: shapes, seed: 5), on: Reference())
    #expect(
      throws: CheckpointError.wrongShape(
        file: weights.file, key: "blocks.3.depthwise.weight", expected: [5, 5, 144],
        found: [3, 3, 144])
    ) { try EfficientNetLite0(weights) }
  }
}
