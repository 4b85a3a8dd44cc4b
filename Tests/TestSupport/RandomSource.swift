import Checkpoints
import Networks
import Tensors

/// A checkpoint in memory whose values are a fixed function of seed, key order and place: networks of
/// any size without a file.
public struct RandomSource: TensorSource {
  public let file = "random weights"
  public let keys: [String]
  private var tensors: [String: HostTensor] = [:]

  /// Matrices have variance gain² / fan-in, vectors lie near 0 or, where their key says they scale,
  /// near 1.
  ///
  /// - Parameter fanIn: inputs of one output, from key and shape; nil: all dimensions but the first.
  public init(
    shapes: [String: Shape], seed: UInt64, gain: Float = 1,
    fanIn: (String, Shape) -> Int? = { _, _ in nil }
  ) {
    keys = shapes.keys.sorted()
    for (index, key) in keys.enumerated() {
      let shape = shapes[key]!
      let noise = GaussianNoise(seed: seed &+ UInt64(index)).rows(0..<shape.count, channels: 1)
      let inputs = fanIn(key, shape) ?? (shape.rank > 1 ? shape.count / shape[0] : 1)
      let values: [Float] =
        if shape.rank > 1 {
          noise.map { gain * $0 / Float(inputs).squareRoot() }
        } else if key.contains("norm") || key.contains("Norm"), key.hasSuffix("weight") {
          noise.map { 1 + 0.2 * $0 }
        } else {
          noise.map { 0.1 * $0 }
        }
      tensors[key] = HostTensor(copying: values, shape: shape, dtype: .f32)
    }
  }

  /// The same with other contents for some keys.
  public func replacing(_ contents: [String: HostTensor]) -> some TensorSource {
    Replaced(source: self, contents: contents)
  }

  public func contains(_ key: String) -> Bool { tensors[key] != nil }

  public func tensor(_ key: String) throws(CheckpointError) -> HostTensor {
    guard let tensor = tensors[key] else { throw .missingKey(file: file, key: key) }
    return tensor
  }
}

private struct Replaced: TensorSource {
  let source: RandomSource
  let contents: [String: HostTensor]

  var file: String { source.file }
  var keys: [String] { Set(source.keys).union(contents.keys).sorted() }
  func contains(_ key: String) -> Bool { contents[key] != nil || source.contains(key) }
  func tensor(_ key: String) throws(CheckpointError) -> HostTensor {
    if let tensor = contents[key] { return tensor }
    return try source.tensor(key)
  }
}

extension TransformerConfiguration {
  /// Small enough for naive loops, with every kind of part.
  public static let tiny = TransformerConfiguration(
    width: 16, heads: 2, tripleBlocks: 2, singleBlocks: 2, latentChannels: 6, textWidth: 10,
    visualWidth: 12, syncWidth: 8)
}

/// ||a - b|| / ||b||; infinite where a value is not a number.
public func relativeError(_ a: [Float], _ b: [Float]) -> Double {
  precondition(a.count == b.count, "\(a.count) values, \(b.count) expected")
  var (error, size) = (0.0, 0.0)
  for (x, y) in zip(a, b) {
    error += (Double(x) - Double(y)) * (Double(x) - Double(y))
    size += Double(y) * Double(y)
  }
  if error == 0 { return 0 }
  let result = (error / size).squareRoot()
  return result.isNaN ? .infinity : result
}
