import Checkpoints
import Tensors

/// The encoder of a continuous DAC autoencoder: sound becomes the mean and variance of its latents
/// through stages that lower the rate and double the channels.
///
/// Reads `encoder.block.0` (a convolution), a stage each from `encoder.block.1` on, then a snake and a
/// convolution; and `quant_conv`.
public struct DACEncoder: Sendable {
  public let configuration: DACConfiguration
  private let backend: any Backend
  private let entry: DACConvolution
  private let stages: [Stage]
  private let snake: SnakeParameters
  private let exit: DACConvolution
  private let projection: Linear

  /// Samples that one latent stands for.
  public var samplesPerLatent: Int { configuration.encoderRates.reduce(1, *) }

  /// Latents that are worked on together: two seconds' worth.
  private static let block = 100

  private struct Stage: Sendable {
    let units: [DACResidualUnit]
    let snake: SnakeParameters
    let downsampling: DACConvolution
  }

  /// What a sound was encoded as.
  public struct Posterior: Sendable {
    /// [T, latentDim]
    public let mean: Tensor
    /// Logarithm of the variance, -30...20, [T, latentDim].
    public let logVariance: Tensor
    /// What the encoder gave before the projection, [T, latentDim].
    public let features: Tensor
  }

  /// Throws also where the configuration cannot be run.
  public init(_ weights: Weights, _ configuration: DACConfiguration) throws(CheckpointError) {
    try configuration.check(file: weights.file)
    self.configuration = configuration
    backend = weights.backend
    let blocks = weights["encoder.block"]
    var width = configuration.encoderDim
    entry = try DACConvolution(
      blocks[0], from: 1, to: width, kernel: DACLayers.kernel,
      padding: (DACLayers.kernel - 1) / 2)
    var stages: [Stage] = []
    for (index, rate) in configuration.encoderRates.enumerated() {
      let block = blocks[index + 1]["block"]
      var units: [DACResidualUnit] = []
      for (place, dilation) in DACLayers.dilations.enumerated() {
        units.append(try DACResidualUnit(block[place], channels: width, dilation: dilation))
      }
      stages.append(
        Stage(
          units: units, snake: try DACLayers.snake(block[3], channels: width),
          downsampling: try DACConvolution(
            block[4], from: width, to: 2 * width, kernel: 2 * rate, stride: rate,
            padding: (rate + 1) / 2)))
      width *= 2
    }
    self.stages = stages
    snake = try DACLayers.snake(blocks[stages.count + 1], channels: width)
    let latent = configuration.latentDim
    exit = try DACConvolution(
      blocks[stages.count + 2], from: width, to: latent, kernel: 3, padding: 1)
    projection = try Linear(pointwise: weights["quant_conv"], from: latent, to: 2 * latent)
  }

  /// - Parameter samples: mono, at least one; the end is filled with silence to a whole latent.
  public func encode(_ samples: [Float]) -> Posterior {
    precondition(!samples.isEmpty, "no sound")
    let (step, latents) = (samplesPerLatent, (samples.count - 1) / samplesPerLatent + 1)
    let padded = samples + [Float](repeating: 0, count: latents * step - samples.count)
    var state = State(self)
    var pieces: [Tensor] = []
    for first in stride(from: 0, to: latents, by: DACEncoder.block) {
      let end = min(first + DACEncoder.block, latents)
      let piece = backend.tensor(
        Array(padded[first * step..<end * step]), [(end - first) * step, 1])
      if let features = state.push(piece, last: end == latents) { pieces.append(features) }
    }
    let width = configuration.latentDim
    let features = concatenatedRows(pieces.map(\.view)).reshaped([latents, width])
    let moments = projection(features)
    return Posterior(
      mean: moments.columns(0..<width).copied(),
      logVariance: backend.tensor(
        moments.columns(width..<2 * width).copied().floats().map { min(max($0, -30), 20) },
        [latents, width]),
      features: features)
  }

  /// An encoder in the midst of a sound.
  private struct State {
    let encoder: DACEncoder
    var entry: SlidingRows
    var stages: [(units: [SlidingRows], downsampling: SlidingRows)]
    var exit: SlidingRows

    init(_ encoder: DACEncoder) {
      self.encoder = encoder
      let backend = encoder.backend
      var width = encoder.configuration.encoderDim
      entry = SlidingRows(encoder.entry.window, channels: 1, on: backend)
      stages = []
      for stage in encoder.stages {
        stages.append(
          (
            units: stage.units.map { SlidingRows($0.window, channels: width, on: backend) },
            downsampling: SlidingRows(stage.downsampling.window, channels: width, on: backend)
          ))
        width *= 2
      }
      exit = SlidingRows(encoder.exit.window, channels: width, on: backend)
    }

    /// The next samples [T, 1] -> the latents that are final by now, [.., latentDim].
    mutating func push(_ samples: Tensor, last: Bool) -> Tensor? {
      guard var x = entry.push(samples, last: last).map({ encoder.entry($0) }) else { return nil }
      for (index, stage) in encoder.stages.enumerated() {
        for (place, unit) in stage.units.enumerated() {
          guard let rows = stages[index].units[place].push(x, last: last) else { return nil }
          x = unit(rows, then: place == stage.units.count - 1 ? stage.snake : nil)
        }
        guard let rows = stages[index].downsampling.push(x, last: last) else { return nil }
        let next = index == encoder.stages.count - 1 ? encoder.snake : nil
        x = stage.downsampling(rows, Epilogue(snake: next))
      }
      return exit.push(x, last: last).map { encoder.exit($0) }
    }
  }
}
