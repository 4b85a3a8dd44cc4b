import Checkpoints
import Tensors

/// The decoder of a continuous DAC autoencoder: latents become sound through stages that raise the rate
/// and halve the channels.
///
/// Reads `post_quant_conv`, `decoder.model.0` (a convolution), a stage each from `decoder.model.1` on,
/// then a snake and the last convolution. It decodes streams: see `stream`.
public struct DACDecoder: Sendable {
  public let configuration: DACConfiguration
  let backend: any Backend
  let projection: Linear
  let entry: DACConvolution
  let stages: [Stage]
  /// Snake before each stage, and before the last convolution.
  let snakes: [SnakeParameters]
  let exit: DACConvolution

  /// Samples that one latent becomes.
  public var samplesPerLatent: Int { configuration.samplesPerLatent }

  /// One stage: a higher rate, then residual units.
  struct Stage: Sendable {
    let upsampling: DACUpsampling
    let units: [DACResidualUnit]
  }

  /// Throws also where the configuration cannot be run.
  public init(_ weights: Weights, _ configuration: DACConfiguration) throws(CheckpointError) {
    try configuration.check(file: weights.file)
    self.configuration = configuration
    backend = weights.backend
    let latent = configuration.latentDim
    projection = try Linear(pointwise: weights["post_quant_conv"], from: latent, to: latent)

    let model = weights["decoder.model"]
    let widths = configuration.decoderWidths
    let padding = (DACLayers.kernel - 1) / 2
    entry = try DACConvolution(
      model[0], from: latent, to: widths[0], kernel: DACLayers.kernel, padding: padding)
    var stages: [Stage] = []
    var snakes: [SnakeParameters] = []
    for (index, rate) in configuration.decoderRates.enumerated() {
      let block = model[index + 1]["block"]
      let (input, output) = (widths[index], widths[index + 1])
      snakes.append(try DACLayers.snake(block[0], channels: input))
      let upsampling = try DACUpsampling(block[1], from: input, to: output, rate: rate)
      var units: [DACResidualUnit] = []
      for (place, dilation) in DACLayers.dilations.enumerated() {
        units.append(
          try DACResidualUnit(block[place + 2], channels: output, dilation: dilation))
      }
      stages.append(Stage(upsampling: upsampling, units: units))
    }
    snakes.append(try DACLayers.snake(model[stages.count + 1], channels: widths.last!))
    exit = try DACConvolution(
      model[stages.count + 2], from: widths.last!, to: 1, kernel: DACLayers.kernel,
      padding: padding)
    self.stages = stages
    self.snakes = snakes
  }

  /// A decoder of latents that come piece by piece.
  ///
  /// - Parameter block: latents that are decoded together once there are more of them. A larger block
  ///   needs more memory (about 0.2 MB for each latent at the published size) and turns the weights of
  ///   the first stages around less often.
  public func stream(block: Int = usualBlock) -> DACStream { DACStream(self, block: block) }

  public static let usualBlock = 300

  /// A whole sound: [latents, latentDim] row-major -> `samplesPerLatent` samples for each latent,
  /// -1...1.
  public func decode(_ latents: [Float]) -> [Float] {
    var stream = stream()
    return stream.decode(latents) + stream.finish()
  }

  /// What the first layers make of a whole sound, for comparison with recordings: the projected latents
  /// [T, latentDim], the first convolution [T, decoderDim] and the first stage [T · rate, decoderDim / 2].
  public func beginning(_ latents: Tensor) -> (projected: Tensor, entry: Tensor, stage: Tensor) {
    let projected = projection(latents)
    var rows = SlidingRows(entry.window, channels: projected.channels, on: backend)
    let x = entry(rows.push(projected, last: true)!)
    var state = StageState(stages[0], channels: x.channels, on: backend)
    return (
      projected, x, state.push(x.snake(snakes[0]), through: stages[0], last: true, then: nil)!
    )
  }
}

extension Linear {
  /// A convolution of one tap, stored as such: `weight` [out, in, 1] and `bias` [out].
  init(pointwise weights: Weights, from input: Int, to output: Int) throws(CheckpointError) {
    self.init(
      weight: try weights.tensor("weight", [output, input, 1]).reshaped([output, input]),
      bias: try weights.vector("bias", [output]))
  }
}
