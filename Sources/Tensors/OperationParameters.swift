/// A function applied to every element.
public enum Activation: Sendable, CaseIterable {
  case identity
  /// x · sigmoid(x)
  case silu
  /// 0.5 x (1 + tanh(sqrt(2/π) (x + 0.044715 x³)))
  case geluTanh
  /// 0.5 x (1 + erf(x / sqrt 2))
  case geluErf
  case relu
  /// min(max(x, 0), 6)
  case relu6
  case tanh
  case sigmoid
  /// e^x
  case exp
}

/// What is done to the result of a product before it is written:
/// `snake(residual + gate * activation(y))`.
public struct Epilogue: Sendable {
  public var activation: Activation
  /// Same shape as the result.
  public var residual: Tensor?
  /// Row-broadcast; needs a residual.
  public var gate: View?
  /// Applied last, for the layer that reads the result; nil: nothing.
  public var snake: SnakeParameters?

  public init(
    _ activation: Activation = .identity, residual: Tensor? = nil, gate: View? = nil,
    snake: SnakeParameters? = nil
  ) {
    precondition(gate == nil || residual != nil, "a gate needs a residual")
    self.activation = activation
    self.residual = residual
    self.gate = gate
    self.snake = snake
  }

  public static let none = Epilogue()
}

/// The periodic activation `x + sin²(alpha x) / (beta + 1e-9)`: alpha and beta [C].
public struct SnakeParameters: Sendable {
  public let alpha: Tensor
  public let beta: Tensor

  /// - Parameter beta: alpha where not given.
  public init(alpha: Tensor, beta: Tensor? = nil) {
    precondition(beta == nil || beta?.shape.count == alpha.shape.count, "snake: beta")
    self.alpha = alpha
    self.beta = beta ?? alpha
  }
}

/// In what numbers a product of activations with weights is computed.
public enum ProductPrecision: String, Sendable, CaseIterable, Codable {
  /// Single precision, whatever type the weights are stored in.
  case float = "f32"
  /// Weights are rounded to 8 bits once, each output channel by its own scale; activations when they come,
  /// each token by its own. The sums are of integers and exact; scales, bias and epilogue are single
  /// precision.
  case int8

  /// The weight as products of this precision want it.
  public func prepared(_ weight: Tensor) -> Tensor {
    self == .int8 ? weight.quantised() : weight
  }
}

/// Geometry of a convolution over time. Padding is of zeros.
public struct Convolution1D: Sendable, Hashable {
  public var stride: Int
  public var dilation: Int
  public var groups: Int
  public var paddingBefore: Int
  public var paddingAfter: Int

  public init(
    stride: Int = 1, dilation: Int = 1, groups: Int = 1, paddingBefore: Int = 0,
    paddingAfter: Int = 0
  ) {
    precondition(stride > 0 && dilation > 0 && groups > 0)
    self.stride = stride
    self.dilation = dilation
    self.groups = groups
    self.paddingBefore = paddingBefore
    self.paddingAfter = paddingAfter
  }

  /// Stride 1, as many rows out as in, for an odd kernel.
  public static func same(kernel: Int, dilation: Int = 1, groups: Int = 1) -> Convolution1D {
    let padding = (kernel - 1) * dilation
    return Convolution1D(
      dilation: dilation, groups: groups, paddingBefore: padding / 2,
      paddingAfter: padding - padding / 2)
  }

  public func outputLength(_ input: Int, kernel: Int) -> Int {
    let span = input + paddingBefore + paddingAfter - dilation * (kernel - 1) - 1
    return span < 0 ? 0 : span / stride + 1
  }
}

/// Geometry of a transposed convolution over time.
public struct TransposedConvolution1D: Sendable, Hashable {
  public var stride: Int
  /// Rows cut from the front of the full result.
  public var padding: Int
  /// Rows added at the end (0 ..< stride), as the usual frameworks count them.
  public var outputPadding: Int

  public init(stride: Int, padding: Int = 0, outputPadding: Int = 0) {
    precondition(stride > 0 && padding >= 0 && outputPadding >= 0)
    self.stride = stride
    self.padding = padding
    self.outputPadding = outputPadding
  }

  public func outputLength(_ input: Int, kernel: Int) -> Int {
    max(0, (input - 1) * stride - 2 * padding + kernel + outputPadding)
  }
}

/// Geometry of a convolution over a picture. Padding is of zeros and may differ on each side.
public struct Convolution2D: Sendable, Hashable {
  public var stride: Int
  public var paddingTop: Int
  public var paddingLeft: Int
  public var paddingBottom: Int
  public var paddingRight: Int

  public init(
    stride: Int = 1, paddingTop: Int = 0, paddingLeft: Int = 0, paddingBottom: Int = 0,
    paddingRight: Int = 0
  ) {
    precondition(stride > 0)
    self.stride = stride
    self.paddingTop = paddingTop
    self.paddingLeft = paddingLeft
    self.paddingBottom = paddingBottom
    self.paddingRight = paddingRight
  }

  /// The same padding on all four sides.
  public init(stride: Int = 1, padding: Int) {
    self.init(
      stride: stride, paddingTop: padding, paddingLeft: padding, paddingBottom: padding,
      paddingRight: padding)
  }

  public func outputHeight(_ input: Int, kernel: Int) -> Int {
    (input + paddingTop + paddingBottom - kernel) / stride + 1
  }

  public func outputWidth(_ input: Int, kernel: Int) -> Int {
    (input + paddingLeft + paddingRight - kernel) / stride + 1
  }
}

/// Cosines and sines of the rotary angles: both [positions, D / 2], for heads of D channels.
public struct RotaryTable: Sendable {
  public let cosines: Tensor
  public let sines: Tensor

  public init(cosines: Tensor, sines: Tensor) {
    precondition(cosines.shape == sines.shape && cosines.shape.rank == 2)
    self.cosines = cosines
    self.sines = sines
  }
}

/// How the tokens of a video are divided for attention: token 0 stands for all of it, token
/// 1 + f * places + p for place p of frame f.
public struct TokenDivision: Sendable, Hashable {
  /// Which tokens attend to each other.
  public enum Group: Sendable, Hashable, CaseIterable {
    /// Those of one place, through all frames.
    case place
    /// Those of one frame.
    case frame
  }

  public var frames: Int
  public var places: Int
  public var group: Group

  public init(frames: Int, places: Int, group: Group) {
    precondition(frames > 0 && places > 0, "a video of \(frames) frames of \(places) places")
    self.frames = frames
    self.places = places
    self.group = group
  }

  /// Tokens of one video, the first one included.
  public var tokens: Int { 1 + frames * places }
  public var groups: Int { group == .place ? places : frames }
  /// Tokens of one group.
  public var members: Int { group == .place ? frames : places }
  /// The first token of a group.
  public func start(of index: Int) -> Int { 1 + (group == .place ? index : index * places) }
  /// From one token of a group to the next.
  public var step: Int { group == .place ? places : 1 }
}
