import Checkpoints
import Networks
import Tensors

// The published models' other networks, alike for XL and XXL. They compute in single precision whatever the
// transformer does.

extension Stage {
  /// Two prompts of as many tokens as the transformer reads at most.
  static let clap = Stage(name: "clap") { settings in
    let network = try settings.random { try CLAPText($0, .larger) }
    let length = CLAPPrompts.longestFeatures
    let ids = (0..<2).map { text in (0..<length).map { 10 + (text * length + $0) * 97 % 50_000 } }
    return PreparedStage(run: "2 texts of \(length) tokens", runsPerClip: 1) { _, mark in
      _ = network.encode(ids)
      mark("texts")
    }
  }

  static let siglip2 = Stage(name: "siglip2") { settings in
    let network = try settings.random { try SigLIP2($0, .base512) }
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
    let known: [String: Shape] = [
      "cls_token": [1, 1, 768], "patch_embed_3d.proj.weight": [768, 3, 2, 16, 16],
      "temp_embed": [1, 8, 768], "pos_embed": [1, 1 + 196, 768],
    ].merging((0..<12).map { ("blocks.\($0).norm1.weight", [768]) }) { $1 }
    let network = try settings.random(
      known: Dictionary(
        uniqueKeysWithValues: known.map { ("vfeat_extractor." + $0.key, $0.value) })
    ) { try Synchformer($0) }
    // Of 8 s come 24 segments; two are measured at a time.
    let frames = network.segmentFrames + network.segmentStep
    return PreparedStage(run: "2 segments of 16 frames", runsPerClip: 12) { index, mark in
      var encoder = SynchformerEncoder(network, on: settings.backend)
      _ = encoder(noisePictures(frames, side: network.side, seed: index))
      mark("segments")
    }
  }

  static let dac = Stage(name: "dac") { settings in
    let network = try settings.random { try DACDecoder($0, DACConfiguration()) }
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
  /// A network of the published shapes.
  func random<Network>(
    known: [String: Shape] = [:], _ make: (Weights) throws -> Network
  ) throws -> Network {
    guard case .random(let name, _) = model else { throw UnusableModel(model: model.name) }
    let source = try RandomCheckpoint(name: name, dtype: .f32, known: known, on: backend) {
      _ = try make($0)
    }
    return try make(Weights(source, on: backend))
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
