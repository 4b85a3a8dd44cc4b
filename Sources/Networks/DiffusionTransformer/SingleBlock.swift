import Checkpoints
import Tensors

/// Audio tokens attend to each other, then pass a gated convolutional MLP; both parts are modulated
/// token by token, by the time and the token's sync features.
///
/// Legend: B batch, A audio tokens, U distinct sync rows, D width.
struct SingleBlock: Sendable {
  private let modulate: Linear
  private let queryKeyValue: Linear
  private let queryNorm: HeadNorm
  private let keyNorm: HeadNorm
  private let projection: Conv1d
  private let feedForward: GatedConvolution
  private let heads: Int

  private static let layerNormEpsilon: Float = 1e-5
  /// 2^-23: what a root-mean-square norm takes in single precision when told nothing.
  private static let headNormEpsilon: Float = 0x1p-23

  /// - Parameter precision: of all products but the modulation's, whose small errors would reach every token.
  init(
    _ weights: Weights, _ configuration: TransformerConfiguration, _ precision: ProductPrecision
  ) throws(CheckpointError) {
    let (width, headWidth) = (configuration.width, configuration.headWidth)
    modulate = try Linear(weights["modulation.linear"], from: width, to: 6 * width)
    queryKeyValue = try Linear(
      weights["linear_qkv"], from: width, to: 3 * width, rowOrder: SingleBlock.unpacked(width),
      precision: precision)
    queryNorm = try HeadNorm(
      weights["q_norm"], headWidth: headWidth, epsilon: SingleBlock.headNormEpsilon)
    keyNorm = try HeadNorm(
      weights["k_norm"], headWidth: headWidth, epsilon: SingleBlock.headNormEpsilon)
    projection = try Conv1d(
      weights["linear1"], from: width, to: width, kernel: 3, .same(kernel: 3),
      precision: precision)
    feedForward = try GatedConvolution(
      weights["linear2"], width: width, hidden: configuration.gatedWidth, kernel: 3,
      precision: precision)
    heads = configuration.heads
  }

  /// The file holds query, key and value of each channel next to each other; here all queries come
  /// first, then all keys, then all values.
  private static func unpacked(_ width: Int) -> [Int] {
    (0..<3).flatMap { kind in (0..<width).map { $0 * 3 + kind } }
  }

  /// - Parameters:
  ///   - x: [B, A, D].
  ///   - condition: activated sum of time and sync features, one row for each distinct sync row, [U, D].
  ///   - syncIndex: the row each token takes, i32, [B · A].
  func callAsFunction(
    _ x: Tensor, condition: Tensor, syncIndex: Tensor, rotary: RotaryTable
  ) -> Tensor {
    let parts = Modulation(modulate(condition), parts: 2, rowIndex: syncIndex)
    let packed = queryKeyValue(
      parts.normalise(x, part: 0, epsilon: SingleBlock.layerNormEpsilon))
    let queries = queryNorm(packed.chunk(0, of: 3), heads: heads, rotary: rotary)
    let keys = keyNorm(packed.chunk(1, of: 3), heads: heads, rotary: rotary)
    let heard = queries.view.attend(
      keys: keys.view, values: packed.chunk(2, of: 3), heads: heads)
    let y = projection(heard, Epilogue(residual: x, gate: parts.gate(0)))
    return feedForward(
      parts.normalise(y, part: 1, epsilon: SingleBlock.layerNormEpsilon),
      Epilogue(residual: y, gate: parts.gate(1)))
  }
}
