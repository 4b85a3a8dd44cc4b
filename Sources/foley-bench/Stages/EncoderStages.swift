import Checkpoints
import FoleyKit
import Networks
import Tensors

// The published models' other networks, alike for XL and XXL. They compute in single precision whatever the
// transformer does.

extension Stage {
  /// Two prompts of as many tokens as the transformer reads at most.
  static let clap = Stage(name: "clap") { settings in
    let network = try CLAPText(settings.weights(.text), .larger)
    let length = CLAPPrompts.longestFeatures
    let ids = (0..<2).map { text in (0..<length).map { 10 + (text * length + $0) * 97 % 50_000 } }
    return PreparedStage(run: "2 texts of \(length) tokens", runsPerClip: 1) { _, mark in
      _ = network.encode(ids)
      mark("texts")
    }
  }

  static let siglip2 = Stage(name: "siglip2") { settings in
    let network = try SigLIP2(settings.weights(.visual), .base512)
    let pictures = 2
    return PreparedStage(
      run: "\(pictures) pictures of 512 x 512", runsPerClip: RandomWindow.pictures / pictures
    ) { index, mark in
      // A new encoder: the last one would know the pictures.
      var encoder = SigLIP2Encoder(network, on: settings.backend)
      _ = encoder(noisePictures(pictures, side: 512, seed: index))
      mark("pictures")
    }
  }

  static let synchformer = Stage(name: "synchformer") { settings in
    let network = try Synchformer(settings.weights(.sync))
    // Of 8 s come 24 segments; two are measured at a time.
    let frames = network.segmentFrames + network.segmentStep
    return PreparedStage(run: "2 segments of 16 frames", runsPerClip: 12) { index, mark in
      var encoder = SynchformerEncoder(network, on: settings.backend)
      _ = encoder(noisePictures(frames, side: network.side, seed: index))
      mark("segments")
    }
  }

  static let dac = Stage(name: "dac") { settings in
    let network = try DACDecoder(settings.weights(.decoder), DACConfiguration())
    let channels = network.configuration.latentDim
    let latents = GaussianNoise(seed: 6).rows(0..<RandomWindow.latents, channels: channels)
    return PreparedStage(run: "\(RandomWindow.latents) latents", runsPerClip: 1) { _, mark in
      _ = network.decode(latents)
      mark("sound")
    }
  }

  /// Pictures of which no two are alike.
  private static func noisePictures(_ count: Int, side: Int, seed: Int) -> [[UInt8]] {
    let levels = GaussianNoise(seed: UInt64(seed)).rows(0..<side, channels: 3 * side).map {
      UInt8(max(0, min(255, 128 + 40 * $0)))
    }
    return (0..<count).map { picture in
      let turn = (picture * 7919 + 1) % levels.count
      return Array(levels[turn...] + levels[..<turn])
    }
  }
}

extension StageSettings {
  /// Random weights of one of the published networks.
  func weights(_ part: ModelPart) throws -> Weights {
    guard case .random(_, let transformer) = model else { throw UnusableModel(model: model.name) }
    return Weights(
      try RandomCheckpoint(part, of: .published(transformer), dtype: .f32), on: backend)
  }
}

extension HunyuanNetworks {
  /// The networks around one of the published transformers.
  static func published(_ transformer: TransformerConfiguration) -> HunyuanNetworks {
    HunyuanNetworks(
      clap: .larger, siglip: .base512, transformer: transformer, dac: DACConfiguration())
  }
}

/// A stage that a folder's model does not have.
struct UnusableModel: Error, CustomStringConvertible {
  let model: String
  var description: String {
    "\(model): only the stage 'transformer' can be measured with a folder's weights; "
      + "random:xl and random:xxl have all stages, and `foley generate --json` tells a run's timings"
  }
}
