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

  /// Every tensor of a checkpoint of this configuration, as published.
  public var shapes: [String: Shape] {
    let hidden = (8 * width / 3 + 255) / 256 * 256
    let head = width / heads
    var shapes: [String: Shape] = [
      "sync_pos_emb": [1, 1, 8, syncWidth], "empty_clip_feat": [1, visualWidth],
      "empty_sync_feat": [1, syncWidth], "visual_proj.w1.weight": [width, visualWidth],
      "visual_proj.w2.weight": [width, width], "visual_proj.w3.weight": [width, visualWidth],
      "sync_in.2.w1.weight": [hidden, width, 1], "sync_in.2.w2.weight": [width, hidden, 1],
      "sync_in.2.w3.weight": [hidden, width, 1],
    ]
    func layer(_ key: String, _ shape: Shape) {
      shapes[key + ".weight"] = shape
      shapes[key + ".bias"] = [shape[0]]
    }
    layer("audio_embedder.proj", [width, latentChannels, 1])
    layer("cond_in.linear_1", [width, textWidth])
    layer("cond_in.linear_2", [width, width])
    layer("time_in.mlp.0", [width, 256])
    layer("time_in.mlp.2", [width, width])
    layer("sync_in.0", [width, syncWidth])
    for index in 0..<tripleBlocks {
      let block = "triple_blocks.\(index)."
      for (stream, attention) in [("audio", "audio_self_attn"), ("v_cond", "v_cond_attn")] {
        layer(block + stream + "_mod.linear", [9 * width, width])
        layer(block + attention + "_qkv", [3 * width, width])
        for name in ["_self_proj", "_cross_q", "_cross_proj"] {
          layer(block + stream + name, [width, width])
        }
        layer(block + stream + "_mlp.fc1", [4 * width, width])
        layer(block + stream + "_mlp.fc2", [width, 4 * width])
        shapes[block + stream + "_cross_q_norm.weight"] = [head]
      }
      for norm in [
        "audio_self_q", "audio_self_k", "v_cond_attn_q", "v_cond_attn_k", "text_cross_k",
      ] {
        shapes[block + norm + "_norm.weight"] = [head]
      }
      layer(block + "text_cross_kv", [2 * width, width])
    }
    for index in 0..<singleBlocks {
      let block = "single_blocks.\(index)."
      layer(block + "modulation.linear", [6 * width, width])
      layer(block + "linear_qkv", [3 * width, width])
      layer(block + "linear1", [width, width, 3])
      for (name, shape) in [
        ("w1", [hidden, width, 3]), ("w2", [width, hidden, 3]), ("w3", [hidden, width, 3]),
      ] as [(String, Shape)] {
        shapes[block + "linear2.\(name).weight"] = shape
      }
      shapes[block + "q_norm.weight"] = [head]
      shapes[block + "k_norm.weight"] = [head]
    }
    layer("final_layer.linear", [latentChannels, width])
    layer("final_layer.adaLN_modulation.1", [2 * width, width])
    return shapes
  }
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
