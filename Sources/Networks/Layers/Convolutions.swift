import Checkpoints
import Tensors

// Checkpoints store convolution weights channels first; these layers rearrange them once, when they are
// made, to the channels-last order the operations want.

/// Convolution over time. Reads `weight` [out, in / groups, kernel] and, unless told otherwise, `bias`.
public struct Conv1d: Sendable {
  public let weight: Tensor
  public let bias: Tensor?
  public let geometry: Convolution1D
  public let precision: ProductPrecision

  public init(
    _ weights: Weights, from input: Int, to output: Int, kernel: Int,
    _ geometry: Convolution1D = Convolution1D(), bias: Bool = true,
    precision: ProductPrecision = .float
  ) throws(CheckpointError) {
    let stored = try weights.host("weight", [output, input / geometry.groups, kernel])
    weight = precision.prepared(weights.backend.upload(stored.permuted([0, 2, 1])))
    self.bias = bias ? try weights.vector("bias", [output]) : nil
    self.geometry = geometry
    self.precision = precision
  }

  /// Several convolutions without bias that read the same input, run as one: outputs side by side.
  public init(
    joining parts: [Weights], from input: Int, to output: Int, kernel: Int,
    _ geometry: Convolution1D, precision: ProductPrecision = .float
  ) throws(CheckpointError) {
    var hosts: [HostTensor] = []
    for part in parts {
      hosts.append(try part.host("weight", [output, input, kernel]).permuted([0, 2, 1]))
    }
    weight = precision.prepared(parts[0].backend.upload(.joiningRows(hosts)))
    bias = nil
    self.geometry = geometry
    self.precision = precision
  }

  /// [B, T, in] or [T, in] -> the same rank, [.., T', out]
  public func callAsFunction(_ x: Tensor, _ epilogue: Epilogue = .none) -> Tensor {
    x.conv1d(weight, bias: bias, geometry, epilogue: epilogue, precision: precision)
  }
}

/// Convolution over time of each channel by itself. Reads `weight` [channels, 1, kernel] and `bias`.
public struct DepthwiseConv1d: Sendable {
  public let weight: Tensor
  public let bias: Tensor?
  public let geometry: Convolution1D

  public init(
    _ weights: Weights, channels: Int, kernel: Int, _ geometry: Convolution1D, bias: Bool = true
  ) throws(CheckpointError) {
    let stored = try weights.host("weight", [channels, 1, kernel]).widened()
    weight = weights.backend.upload(stored.reshaped([channels, kernel]).permuted([1, 0]))
    self.bias = bias ? try weights.vector("bias", [channels]) : nil
    self.geometry = geometry
  }

  /// [B, T, channels] or [T, channels] -> the same rank
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.depthwiseConv1d(weight, bias: bias, geometry)
  }
}

/// Transposed convolution over time. Reads `weight` [in, out, kernel] and, unless told otherwise, `bias`.
public struct ConvTranspose1d: Sendable {
  public let weight: Tensor
  public let bias: Tensor?
  public let geometry: TransposedConvolution1D

  public init(
    _ weights: Weights, from input: Int, to output: Int, kernel: Int,
    _ geometry: TransposedConvolution1D, bias: Bool = true
  ) throws(CheckpointError) {
    let stored = try weights.host("weight", [input, output, kernel])
    weight = weights.backend.upload(stored.permuted([2, 1, 0]))
    self.bias = bias ? try weights.vector("bias", [output]) : nil
    self.geometry = geometry
  }

  /// [B, T, in] or [T, in] -> the same rank, [.., T', out]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.convTranspose1d(weight, bias: bias, geometry)
  }
}

/// Convolution over a picture. Reads `weight` [out, in, kernel, kernel] and, unless told otherwise, `bias`.
public struct Conv2d: Sendable {
  public let weight: Tensor
  public let bias: Tensor?
  public let geometry: Convolution2D
  public let activation: Activation

  public init(
    _ weights: Weights, from input: Int, to output: Int, kernel: Int,
    _ geometry: Convolution2D = Convolution2D(), bias: Bool = true,
    activation: Activation = .identity
  ) throws(CheckpointError) {
    let stored = try weights.host("weight", [output, input, kernel, kernel])
    weight = weights.backend.upload(stored.permuted([0, 2, 3, 1]))
    self.bias = bias ? try weights.vector("bias", [output]) : nil
    self.geometry = geometry
    self.activation = activation
  }

  /// A convolution whose weight [out, kernel, kernel, in] is at hand.
  init(
    weight: Tensor, bias: Tensor?, _ geometry: Convolution2D, activation: Activation = .identity
  ) {
    self.weight = weight
    self.bias = bias
    self.geometry = geometry
    self.activation = activation
  }

  /// [B, H, W, in] -> [B, H', W', out]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.conv2d(weight, bias: bias, geometry, activation: activation)
  }
}

/// Convolution over a picture of each channel by itself. Reads `weight` [channels, 1, kernel, kernel]
/// and, unless told otherwise, `bias`.
public struct DepthwiseConv2d: Sendable {
  public let weight: Tensor
  public let bias: Tensor?
  public let geometry: Convolution2D
  public let activation: Activation

  public init(
    _ weights: Weights, channels: Int, kernel: Int, _ geometry: Convolution2D, bias: Bool = true,
    activation: Activation = .identity
  ) throws(CheckpointError) {
    let stored = try weights.host("weight", [channels, 1, kernel, kernel]).widened()
    weight = weights.backend.upload(
      stored.reshaped([channels, kernel, kernel]).permuted([1, 2, 0]))
    self.bias = bias ? try weights.vector("bias", [channels]) : nil
    self.geometry = geometry
    self.activation = activation
  }

  /// [B, H, W, channels] -> [B, H', W', channels]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.depthwiseConv2d(weight, bias: bias, geometry, activation: activation)
  }
}
