/// A device that computes: about two dozen coarse operations, each one pass of a network.
///
/// Layers do not call these directly; they use the checked methods of `Tensor` (TensorOperations.swift),
/// which verify shapes once for every backend. So an implementation may trust its arguments: shapes fit,
/// all tensors live on this backend, data are f32 unless said otherwise, weights are f32, f16, bf16 or i8
/// with row scales. Results are new f32 tensors; nothing is changed in place.
///
/// Legend: rows = product of all dimensions but the last; B batch, T time, C channels. "Row-broadcast"
/// means a view of one row serves every row.
public protocol Backend: AnyObject, Sendable {
  /// For reports, such as "cpu (AVX2, 2 threads)".
  var name: String { get }

  // MARK: Memory

  /// Brings elements to the device. May keep referring to the host bytes instead of copying them.
  func upload(_ host: HostTensor) -> Tensor
  /// All elements as f32 (integers converted, row scales applied).
  func download(_ tensor: Tensor) -> [Float]
  /// Frees memory that is kept for coming tensors: worth calling when the next operation is far off.
  func trim()

  // MARK: Repetition

  /// The same work, ready to be done again and again with other values: where putting operations into a queue costs
  /// time, they are taken down once and then asked for as a whole.
  ///
  /// - Parameter work: what is done with tensors of equal shapes in every call. It gets no values from the host and
  ///   asks for none, for what it was told once would be told for ever.
  func repeating(_ work: @escaping RepeatedWork) -> RepeatedWork

  // MARK: Dense

  /// `epilogue(x · weightᵀ + bias)`: x [.., in], weight [out, in], bias [out] -> [.., out].
  func linear(_ x: Tensor, weight: Tensor, bias: Tensor?, epilogue: Epilogue) -> Tensor
  /// Softmax attention per head. Views over [B, T, *]: q [B, Tq, heads·D], k and v [B, Tk, heads·D]
  /// -> [B, Tq, heads·D]. `keyLengths[b]` keys of batch entry b are seen (nil: all); with none the
  /// result is 0.
  func attention(
    query: View, key: View, value: View, heads: Int, scale: Float, keyLengths: [Int]?
  ) -> Tensor
  /// Softmax attention per head inside the groups of a division. Views over [B, T, heads·D] with T
  /// tokens as `TokenDivision` counts them -> [B, T, heads·D]. The first token attends to all tokens;
  /// every other one to its group and to the first.
  func dividedAttention(
    query: View, key: View, value: View, heads: Int, scale: Float, division: TokenDivision
  ) -> Tensor

  // MARK: Dense, in integers

  /// A float weight [out, ..] -> i8 of the same shape, with a scale for each row: `rounded(w / scale)`, ties to
  /// even, where the largest magnitude of a row becomes 127 (rows below 2^-100 become 0).
  func quantise(_ weight: Tensor) -> Tensor
  /// As `linear`, with an i8 weight and x rounded to i8 row by row in the same way: sums of products of integers,
  /// times both scales.
  func integerLinear(_ x: Tensor, weight: Tensor, bias: Tensor?, epilogue: Epilogue) -> Tensor
  /// As `conv1d` without groups, with an i8 weight; every row of x is rounded once, whatever taps it meets.
  func integerConv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D, epilogue: Epilogue
  ) -> Tensor

  // MARK: Normalisation

  /// `(LN(x) * weight + bias) * (1 + scale) + shift`; weight and bias [C]; shift and scale row-broadcast.
  func layerNorm(
    _ x: Tensor, weight: Tensor?, bias: Tensor?, epsilon: Float, shift: View?, scale: View?
  ) -> Tensor
  /// Per head: `x / sqrt(mean(x²) + epsilon) * weight`, then rotation of adjacent pairs by the table's
  /// angles; row r of x uses table row `r % table rows`. x is a view [.., heads·D]; weight [D].
  func rmsNormRotary(
    _ x: View, heads: Int, weight: Tensor?, epsilon: Float, rotary: RotaryTable?
  ) -> Tensor
  /// Softmax over the channels.
  func softmax(_ x: Tensor) -> Tensor

  // MARK: Elementwise

  func activate(_ x: Tensor, _ activation: Activation) -> Tensor
  /// x [.., 2C] -> [.., C]: `activation(first half) * second half`.
  func gatedActivation(_ x: Tensor, _ activation: Activation) -> Tensor
  /// `x + sin²(alpha x) / (beta + 1e-9)` per channel; alpha, beta [C].
  func snake(_ x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor
  /// `residual + gate * x`; gate row-broadcast.
  func gatedResidual(_ residual: Tensor, _ x: Tensor, gate: View) -> Tensor
  /// `a * x + b * y`; y row-broadcast.
  func combine(_ a: Float, _ x: Tensor, _ b: Float, _ y: View) -> Tensor
  /// `a * x + c`.
  func affine(_ x: Tensor, multiply a: Float, add c: Float) -> Tensor
  /// `x * y`; y row-broadcast.
  func multiply(_ x: Tensor, _ y: View) -> Tensor

  // MARK: Convolution, channels last

  /// x [B, T, in], weight [out, kernel, in / groups], bias [out] -> [B, T', out].
  func conv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D, epilogue: Epilogue
  ) -> Tensor
  /// x [B, T, C], weight [kernel, C] -> [B, T', C]; `geometry.groups` is ignored.
  func depthwiseConv1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution1D
  ) -> Tensor
  /// x [B, T, in], weight [kernel, out, in]: `y[t·stride + k − padding] += weight[k] · x[t]`.
  func convTranspose1d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: TransposedConvolution1D
  ) -> Tensor
  /// x [B, H, W, in], weight [out, kh, kw, in] -> [B, H', W', out].
  func conv2d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution2D, activation: Activation
  ) -> Tensor
  /// x [B, H, W, C], weight [kh, kw, C] -> [B, H', W', C].
  func depthwiseConv2d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: Convolution2D, activation: Activation
  ) -> Tensor
  /// x [B, .., C] -> [B, C]: the mean over everything between.
  func globalAveragePool(_ x: Tensor) -> Tensor

  // MARK: Rearrangement

  /// The rows of a view, copied: also embedding lookup, column slices and nearest up-sampling.
  /// The table may be of any float type or i8 with row scales.
  func gather(_ view: View, shape: Shape) -> Tensor
  /// Views over [B, Ti, C] joined along T -> [B, ΣTi, C].
  func concatenateRows(_ parts: [View], batch: Int) -> Tensor
  /// Views of equal row count joined along the channels.
  func concatenateColumns(_ parts: [View], shape: Shape) -> Tensor
  /// [B, R, C] -> [B, C, R].
  func transpose(_ x: Tensor) -> Tensor
}

/// From some tensors to another one.
public typealias RepeatedWork = @Sendable ([Tensor]) -> Tensor

extension Backend {
  /// Operations are done as they are called: there is nothing to be saved.
  public func repeating(_ work: @escaping RepeatedWork) -> RepeatedWork { work }
}
