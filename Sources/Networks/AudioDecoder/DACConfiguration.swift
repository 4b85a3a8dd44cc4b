import Checkpoints

/// The geometry of a continuous DAC autoencoder, as its checkpoint's metadata give it.
///
/// Defaults are those of `vae_128d_48k`: 48 kHz, 960 samples for each of 50 latents a second.
public struct DACConfiguration: Codable, Sendable, Equatable {
  /// Channels after the encoder's first convolution; every stage doubles them.
  public var encoderDim: Int
  public var encoderRates: [Int]
  public var latentDim: Int
  /// Channels before the decoder's first stage; every stage halves them.
  public var decoderDim: Int
  public var decoderRates: [Int]
  public var sampleRate: Int
  /// False: the latents are quantised, which is another kind of model.
  public var continuous: Bool

  public init(
    encoderDim: Int = 128, encoderRates: [Int] = [2, 3, 4, 5, 8], latentDim: Int = 128,
    decoderDim: Int = 2048, decoderRates: [Int] = [8, 5, 4, 3, 2], sampleRate: Int = 48_000,
    continuous: Bool = true
  ) {
    self.encoderDim = encoderDim
    self.encoderRates = encoderRates
    self.latentDim = latentDim
    self.decoderDim = decoderDim
    self.decoderRates = decoderRates
    self.sampleRate = sampleRate
    self.continuous = continuous
  }

  /// Samples that one latent becomes.
  public var samplesPerLatent: Int { decoderRates.reduce(1, *) }

  /// Channels of each decoder stage, its input's first.
  var decoderWidths: [Int] { decoderRates.indices.map { decoderDim >> $0 } + [lastDecoderWidth] }
  var lastDecoderWidth: Int { decoderDim >> decoderRates.count }

  /// Multiplications and additions of the decoder for one latent, each counted as one.
  public var operationsPerLatent: Int {
    var places = 1
    var products = latentDim * latentDim + DACLayers.kernel * latentDim * decoderDim
    for (index, rate) in decoderRates.enumerated() {
      let (input, output) = (decoderDim >> index, decoderDim >> (index + 1))
      products += places * 2 * rate * input * output
      places *= rate
      products += places * DACLayers.dilations.count * (DACLayers.kernel + 1) * output * output
    }
    return 2 * (products + places * DACLayers.kernel * lastDecoderWidth)
  }

  /// - Parameter file: the checkpoint, for messages.
  /// - Throws: `invalidValue` where a setting cannot be run.
  public func check(file: String) throws(CheckpointError) {
    func demand(_ condition: Bool, _ key: String, _ expected: String, _ found: Any)
      throws(CheckpointError)
    {
      guard condition else {
        throw .invalidValue(file: file, key: key, expected: expected, found: "\(found)")
      }
    }
    let rates = 2...64
    try demand(continuous, "continuous", "true: only continuous latents are supported", continuous)
    try demand((1...65536).contains(latentDim), "latent_dim", "1 to 65536", latentDim)
    try demand((1...65536).contains(encoderDim), "encoder_dim", "1 to 65536", encoderDim)
    try demand((1...65536).contains(decoderDim), "decoder_dim", "1 to 65536", decoderDim)
    for (key, values) in [("encoder_rates", encoderRates), ("decoder_rates", decoderRates)] {
      try demand(
        (1...8).contains(values.count) && values.allSatisfy(rates.contains), key,
        "1 to 8 rates from 2 to 64", values)
    }
    try demand(
      decoderDim % (1 << decoderRates.count) == 0, "decoder_dim",
      "a multiple of \(1 << decoderRates.count)", decoderDim)
    try demand(
      encoderDim << encoderRates.count <= 1 << 20, "encoder_dim", "fewer channels", encoderDim)
  }
}
