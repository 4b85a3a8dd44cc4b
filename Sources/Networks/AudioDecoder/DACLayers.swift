import Checkpoints
import Tensors

/// What encoder and decoder are built of. Rows are moments in time: [T, C], one sound at a time.
///
/// No layer here pads: each takes the rows its windows cover, which `SlidingRows` collects, so that a
/// sound computed in pieces is the same as one computed at once.
enum DACLayers {
  /// Taps of every convolution that keeps the rate.
  static let kernel = 7
  /// Of the residual units of a stage, in order.
  static let dilations = [1, 3, 9]

  static func snake(_ weights: Weights, channels: Int) throws(CheckpointError) -> SnakeParameters {
    SnakeParameters(
      alpha: try weights.vector("alpha", [1, channels, 1]).reshaped([channels]))
  }
}

/// A convolution whose weight may be stored normalised. Reads `weight_g` and `weight_v`, or `weight`;
/// and `bias`.
struct DACConvolution: Sendable {
  private let weight: Tensor
  private let bias: Tensor
  private let geometry: Convolution1D
  let window: SlidingWindow

  /// - Parameter padding: zeros before and after the sound.
  init(
    _ weights: Weights, from input: Int, to output: Int, kernel: Int, stride: Int = 1,
    dilation: Int = 1, padding: Int
  ) throws(CheckpointError) {
    weight = try weights.convolutionWeight([output, input, kernel], .convolution)
    bias = try weights.vector("bias", [output])
    geometry = Convolution1D(stride: stride, dilation: dilation)
    window = SlidingWindow(
      length: (kernel - 1) * dilation + 1, stride: stride, padding: padding)
  }

  /// The rows of whole windows, [T, in] -> [windows, out]
  func callAsFunction(_ x: Tensor, _ epilogue: Epilogue = .none) -> Tensor {
    x.conv1d(weight, bias: bias, geometry, epilogue: epilogue)
  }
}

/// A convolution that gives `rate` rows for each one it takes: its kernel spans two of them. Reads
/// `weight_g` and `weight_v`, or `weight`; and `bias`.
struct DACUpsampling: Sendable {
  private let weight: Tensor
  private let bias: Tensor
  let rate: Int

  /// Each row and the one before it.
  static let window = SlidingWindow(length: 2, padding: 1)

  /// Rows to be cut from the front of the result: the first window begins before the sound.
  var lead: Int { (rate + 1) / 2 }
  /// And from its end.
  var excess: Int { rate - lead }

  init(_ weights: Weights, from input: Int, to output: Int, rate: Int) throws(CheckpointError) {
    weight = try weights.convolutionWeight([input, output, 2 * rate], .transposed)
    bias = try weights.vector("bias", [output])
    self.rate = rate
  }

  /// [windows + 1, in] -> [rate · windows, out]
  func callAsFunction(_ x: Tensor) -> Tensor {
    x.convTranspose1d(
      weight, bias: bias, TransposedConvolution1D(stride: rate, padding: rate))
  }
}

/// A dilated convolution and one of single rows, each after a snake, added to what came in.
///
/// Reads `block.0.alpha`, `block.1`, `block.2.alpha` and `block.3`.
struct DACResidualUnit: Sendable {
  private let first: SnakeParameters
  private let wide: DACConvolution
  private let second: SnakeParameters
  private let narrow: DACConvolution

  var window: SlidingWindow { wide.window }

  init(_ weights: Weights, channels: Int, dilation: Int) throws(CheckpointError) {
    let block = weights["block"]
    first = try DACLayers.snake(block[0], channels: channels)
    wide = try DACConvolution(
      block[1], from: channels, to: channels, kernel: DACLayers.kernel, dilation: dilation,
      padding: (DACLayers.kernel - 1) / 2 * dilation)
    second = try DACLayers.snake(block[2], channels: channels)
    narrow = try DACConvolution(block[3], from: channels, to: channels, kernel: 1, padding: 0)
  }

  /// The rows of whole windows, [T, C] -> [windows, C]
  ///
  /// - Parameter snake: the activation of the layer that reads the result, where nothing else does.
  func callAsFunction(_ x: Tensor, then snake: SnakeParameters? = nil) -> Tensor {
    let heard = wide(x.snake(first), Epilogue(snake: second))
    // The middle of each window; a snake leaves the zeros around the sound as they are.
    let middle = x[window.padding..<window.padding + heard.shape[0]]
    return narrow(heard, Epilogue(residual: middle, snake: snake))
  }
}
