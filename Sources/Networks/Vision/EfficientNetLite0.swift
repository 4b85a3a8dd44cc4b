import Checkpoints
import Tensors

/// The picture classifier EfficientNet-Lite0: what of ImageNet's thousand classes a picture shows.
///
/// Batch normalisation is folded into the convolutions of the file this reads, whose weights are
/// channels last already. Legend: B pictures, H x W pixels.
public struct EfficientNetLite0: Sendable {
  /// Height and width of the pictures it was trained on.
  public static let size = 224
  public static let classes = 1000

  private static let stemChannels = 32
  private static let headChannels = 1280
  private static let stages = [
    Stage(blocks: 1, kernel: 3, stride: 1, expansion: 1, channels: 16),
    Stage(blocks: 2, kernel: 3, stride: 2, expansion: 6, channels: 24),
    Stage(blocks: 2, kernel: 5, stride: 2, expansion: 6, channels: 40),
    Stage(blocks: 3, kernel: 3, stride: 2, expansion: 6, channels: 80),
    Stage(blocks: 3, kernel: 5, stride: 1, expansion: 6, channels: 112),
    Stage(blocks: 4, kernel: 5, stride: 2, expansion: 6, channels: 192),
    Stage(blocks: 1, kernel: 3, stride: 1, expansion: 6, channels: 320),
  ]

  private struct Stage {
    let blocks, kernel, stride, expansion, channels: Int
  }

  private let stem: Tensor
  private let stemBias: Tensor
  private let blocks: [InvertedBottleneck]
  private let head: Linear
  private let classifier: Linear

  /// Reads `stem`, `blocks.<i>`, `head` and `classifier`.
  public init(_ weights: Weights) throws(CheckpointError) {
    stem = try weights["stem"].tensor("weight", [EfficientNetLite0.stemChannels, 3, 3, 3])
    stemBias = try weights["stem"].vector("bias", [EfficientNetLite0.stemChannels])
    var blocks: [InvertedBottleneck] = []
    var channels = EfficientNetLite0.stemChannels
    for stage in EfficientNetLite0.stages {
      for index in 0..<stage.blocks {
        blocks.append(
          try InvertedBottleneck(
            weights["blocks"][blocks.count], from: channels, to: stage.channels,
            kernel: stage.kernel, stride: index == 0 ? stage.stride : 1,
            expansion: stage.expansion))
        channels = stage.channels
      }
    }
    self.blocks = blocks
    head = try Linear(weights["head"], from: channels, to: EfficientNetLite0.headChannels)
    classifier = try Linear(
      weights["classifier"], from: EfficientNetLite0.headChannels, to: EfficientNetLite0.classes)
  }

  /// - Parameter images: [B, H, W, 3], red green blue, (value - 127) / 128 for values 0...255.
  /// - Returns: logits, [B, 1000].
  public func callAsFunction(_ images: Tensor) -> Tensor {
    precondition(images.shape.rank == 4 && images.channels == 3, "pictures \(images.shape)")
    var x = images.conv2d(
      stem, bias: stemBias, .centred(kernel: 3, stride: 2, over: images.shape), activation: .relu6)
    for block in blocks { x = block(x) }
    return classifier(head(x, .relu6).globalAveragePool())
  }
}

/// Widen each pixel, filter each channel, narrow again; added to the input where sizes agree.
private struct InvertedBottleneck: Sendable {
  private let expand: Linear?
  private let filter: Tensor
  private let filterBias: Tensor
  private let project: Linear
  private let kernel: Int
  private let stride: Int
  private let residual: Bool

  init(
    _ weights: Weights, from input: Int, to output: Int, kernel: Int, stride: Int, expansion: Int
  )
    throws(CheckpointError)
  {
    let hidden = input * expansion
    expand = expansion == 1 ? nil : try Linear(weights["expand"], from: input, to: hidden)
    filter = try weights["depthwise"].tensor("weight", [kernel, kernel, hidden])
    filterBias = try weights["depthwise"].vector("bias", [hidden])
    project = try Linear(weights["project"], from: hidden, to: output)
    self.kernel = kernel
    self.stride = stride
    residual = stride == 1 && input == output
  }

  /// [B, H, W, in] -> [B, H / stride, W / stride, out]
  func callAsFunction(_ x: Tensor) -> Tensor {
    let wide = expand?(x, .relu6) ?? x
    let filtered = wide.depthwiseConv2d(
      filter, bias: filterBias, .centred(kernel: kernel, stride: stride, over: x.shape),
      activation: .relu6)
    return project(filtered, Epilogue(residual: residual ? x : nil))
  }
}

extension Convolution2D {
  /// ceil(size / stride) places out; what padding that takes is split evenly, an odd pixel going to the
  /// bottom and right, as the network was trained.
  fileprivate static func centred(kernel: Int, stride: Int, over shape: Shape) -> Convolution2D {
    func padding(_ size: Int) -> Int {
      max(0, ((size + stride - 1) / stride - 1) * stride + kernel - size)
    }
    let (rows, columns) = (padding(shape[1]), padding(shape[2]))
    return Convolution2D(
      stride: stride, paddingTop: rows / 2, paddingLeft: columns / 2,
      paddingBottom: rows - rows / 2, paddingRight: columns - columns / 2)
  }
}
