import Checkpoints
import Foundation
import Tensors

/// The diffusion time as a vector. Reads `mlp.0` and `mlp.2`.
struct TimeEmbedding: Sendable {
  private let widen: Linear
  private let mix: Linear
  private let backend: any Backend

  init(_ weights: Weights, width: Int) throws(CheckpointError) {
    backend = weights.backend
    widen = try Linear(
      weights["mlp.0"], from: TransformerConfiguration.timeChannels, to: width)
    mix = try Linear(weights["mlp.2"], from: width, to: width)
  }

  /// A time in 0...1000 -> [1, width]
  func callAsFunction(_ time: Float) -> Tensor {
    mix(
      widen(
        backend.tensor(TimeEmbedding.sinusoid(time), [1, TransformerConfiguration.timeChannels]),
        .silu))
  }

  /// 128 cosines, then 128 sines, of the time at frequencies from 1 down to 1/10000. Frequencies and
  /// angles are rounded to single precision, as published.
  static func sinusoid(_ time: Float) -> [Float] {
    let half = TransformerConfiguration.timeChannels / 2
    let angles = (0..<half).map { index in
      let exponent = Float(-log(10_000.0)) * Float(index) / Float(half)
      return time * Float(exp(Double(exponent)))
    }
    return angles.map { Float(cos(Double($0))) } + angles.map { Float(sin(Double($0))) }
  }
}

/// `linear_2(silu(linear_1(x)))`: the text's way in.
struct TextProjection: Sendable {
  private let widen: Linear
  private let mix: Linear

  init(_ weights: Weights, from input: Int, to width: Int) throws(CheckpointError) {
    widen = try Linear(weights["linear_1"], from: input, to: width)
    mix = try Linear(weights["linear_2"], from: width, to: width)
  }

  /// [B, L, in] -> [B, L, width]
  func callAsFunction(_ x: Tensor) -> Tensor { mix(widen(x, .silu)) }
}

/// `w2(silu(w1(x)) * w3(x))` on each token by itself: the picture's way in.
struct GatedProjection: Sendable {
  private let gateAndValue: Linear
  private let mix: Linear

  init(_ weights: Weights, from input: Int, to width: Int) throws(CheckpointError) {
    gateAndValue = try Linear(
      joining: [weights["w1"], weights["w3"]], from: input, to: width, bias: false)
    mix = try Linear(weights["w2"], from: width, to: width, bias: false)
  }

  /// [B, V, in] -> [B, V, width]
  func callAsFunction(_ x: Tensor) -> Tensor { mix(gateAndValue(x).gated(.silu)) }
}

/// `w2(silu(w1(x)) * w3(x))` where each is a convolution over neighbouring tokens.
struct GatedConvolution: Sendable {
  private let gateAndValue: Conv1d
  private let mix: Conv1d

  init(
    _ weights: Weights, width: Int, hidden: Int, kernel: Int, precision: ProductPrecision = .float
  ) throws(CheckpointError) {
    let geometry = Convolution1D.same(kernel: kernel)
    gateAndValue = try Conv1d(
      joining: [weights["w1"], weights["w3"]], from: width, to: hidden, kernel: kernel, geometry,
      precision: precision)
    mix = try Conv1d(
      weights["w2"], from: hidden, to: width, kernel: kernel, geometry, bias: false,
      precision: precision)
  }

  /// [B, T, width] or [T, width] -> the same shape
  func callAsFunction(_ x: Tensor, _ epilogue: Epilogue = .none) -> Tensor {
    mix(gateAndValue(x).gated(.silu), epilogue)
  }
}

/// The sync features' way in. Reads `0` and `2`; `1` is the activation between.
struct SyncProjection: Sendable {
  private let widen: Linear
  private let mix: GatedConvolution

  init(_ weights: Weights, _ configuration: TransformerConfiguration) throws(CheckpointError) {
    let width = configuration.width
    widen = try Linear(weights["0"], from: configuration.syncWidth, to: width)
    mix = try GatedConvolution(
      weights["2"], width: width, hidden: configuration.gatedWidth, kernel: 1)
  }

  /// [rows, syncWidth] -> [rows, width]; each row by itself
  func callAsFunction(_ x: Tensor) -> Tensor { mix(widen(x, .silu)) }
}
