import Checkpoints
import Foundation
import Imaging
import Networks
import Tensors

extension ParityCheck {
  /// The picture classifier: recorded `images` [B, 224, 224, 3] -> `logits` [B, 1000].
  func pictureClassifier(_ fixture: Fixture) throws -> [Comparison] {
    let weights = try fixture.weights(on: backend)
    let classifier = try EfficientNetLite0(weights)
    try weights.checkAllRead()
    let recording = try fixture.recording()
    let logits = classifier(try recording.input("images", on: backend))
    return [
      Comparison(
        fixture: fixture, output: "logits", computed: logits,
        recorded: try recording.output("logits"))
    ]
  }

  /// The SigLIP2 vision tower: `pixel_values` [B, 3, H, W] -> `image_features` [B, D].
  func siglip2Vision(_ fixture: Fixture) throws -> [Comparison] {
    struct Settings: Decodable { let vision: SigLIP2Configuration }
    let settings = try fixture.configuration(Settings.self, decoder: JSONDecoder())
    let weights = try fixture.weights(on: backend)
    let network = try SigLIP2(weights, settings.vision)
    try weights.checkAllRead()
    let recording = try fixture.recording()
    let images = try recording.file.tensor("pixel_values").permuted([0, 2, 3, 1])
    var computed: [String: Tensor] = [:]
    computed["image_features"] = network(backend.upload(images)) { computed["mid." + $0] = $1 }
    return try compare(fixture, recording, computed)
  }

  /// The visual side of Synchformer: `frames_u8` [T, 3, H, W] -> `sync_feat` [1, segments · 8, D].
  func synchformerVisual(_ fixture: Fixture) throws -> [Comparison] {
    struct Settings: Decodable {
      let vit: Sizes
      let segment: Int
      let step: Int
      let tokensPerSegment: Int
      struct Sizes: Decodable { let numHeads: Int }
    }
    let settings = try fixture.configuration(Settings.self)
    let weights = try fixture.weights(on: backend)
    let network = try Synchformer(weights, heads: settings.vit.numHeads)
    try weights.checkAllRead()
    guard
      [network.segmentFrames, network.segmentStep, network.pairs]
        == [settings.segment, settings.step, settings.tokensPerSegment]
    else {
      throw FixtureError.unusable(file: fixture.folder.path, reason: "segments of another shape")
    }
    let recording = try fixture.recording()
    let frames = try recording.file.tensor("frames_u8").permuted([0, 2, 3, 1]).bytesOfEntries()

    var encoder = SynchformerEncoder(network, on: backend)
    var computed: [String: Tensor] = [:]
    computed["sync_feat"] = encoder(frames)
    // Of the first segment every seventh token is recorded on the way.
    func seventh(_ x: Tensor) -> Tensor {
      x.view.picking(rows: backend.rowIndex(Array(stride(from: 0, to: x.rows, by: 7)))).copied()
    }
    let pairs = network.embed(
      backend.upload(.normalizedPairs(Array(frames[..<settings.segment]), side: network.side)))
    computed["mid.patch_embed_3d"] = seventh(pairs)
    _ = network(pairs.reshaped([1, pairs.rows, network.width])) {
      computed["mid." + $0] = seventh($1)
    }
    return try compare(fixture, recording, computed)
  }

  private func compare(
    _ fixture: Fixture, _ recording: Recording, _ computed: [String: Tensor]
  ) throws -> [Comparison] {
    try recording.outputs.map { name in
      guard let value = computed[name] else {
        return Comparison(fixture: fixture.name, output: name, .failed(reason: "not computed"))
      }
      return Comparison(
        fixture: fixture, output: name, computed: value, recorded: try recording.output(name))
    }
  }
}

extension HostTensor {
  /// The entries of the first dimension of a tensor of bytes.
  func bytesOfEntries() -> [[UInt8]] {
    let size = shape.count / shape[0]
    return (0..<shape[0]).map { Array(bytes[$0 * size..<($0 + 1) * size]) }
  }
}
