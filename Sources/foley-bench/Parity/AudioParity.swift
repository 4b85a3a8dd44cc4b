import Checkpoints
import Foundation
import Networks
import Signal
import Tensors

/// How an autoencoder fixture was built.
private struct AutoencoderFixture: Decodable {
  let kwargs: DACConfiguration
}

/// How a Synchformer fixture was built.
private struct SynchformerFixture: Decodable {
  let ast: Sizes?
  let global: Global

  struct Sizes: Decodable {
    let hiddenSize: Int
    let numHiddenLayers: Int
    let numAttentionHeads: Int
    let intermediateSize: Int
  }

  struct Global: Decodable {
    let nLayer: Int
    let nHead: Int
    let nEmbd: Int
    let posEmbLen: Int
  }

  var audio: AudioSpectrogramTransformer.Configuration? {
    ast.map {
      .init(
        width: $0.hiddenSize, layers: $0.numHiddenLayers, heads: $0.numAttentionHeads,
        feedForward: $0.intermediateSize)
    }
  }

  var offset: OffsetTransformer.Configuration {
    .init(
      width: global.nEmbd, layers: global.nLayer, heads: global.nHead, visualWidth: global.nEmbd,
      audioWidth: ast?.hiddenSize ?? global.nEmbd, tokens: global.posEmbLen)
  }
}

extension ParityCheck {
  /// One line for each recorded output.
  func compare(_ fixture: Fixture, _ computed: [String: Tensor]) throws -> [Comparison] {
    let recording = try fixture.recording()
    return try recording.outputs.map { name in
      guard let value = computed[name] else {
        return Comparison(fixture: fixture.name, output: name, .failed(reason: "not computed"))
      }
      let recorded = try recording.output(name)
      return Comparison(
        fixture: fixture, output: name,
        computed: value.shape.count == recorded.shape.count
          ? value.reshaped(recorded.shape) : value,
        recorded: recorded)
    }
  }

  /// Inputs [1, C, T] of a fixture, by the names they are recorded under.
  private func inputs(_ fixture: Fixture) throws -> [(name: String, value: Tensor)] {
    let recording = try fixture.recording()
    return try recording.file.keys.filter { !$0.hasPrefix("out") }.map {
      ($0, try recording.input($0, on: backend))
    }
  }

  /// Latents to sound, in blocks of several sizes; the first layers by themselves.
  func soundDecoder(_ fixture: Fixture) throws -> [Comparison] {
    let configuration = try fixture.configuration(AutoencoderFixture.self).kwargs
    let weights = try fixture.weights(on: backend)
    let decoder = try DACDecoder(weights, configuration)
    try weights.checkAllRead()
    var computed: [String: Tensor] = [:]
    for (name, input) in try inputs(fixture) {
      let latents = input.transposed().reshaped([input.shape[2], input.shape[1]])
      var stream = decoder.stream(block: 10)
      let samples = stream.decode(latents.floats()) + stream.finish()
      computed["audio.\(name)"] = backend.tensor(samples, [1, 1, samples.count])
      let beginning = decoder.beginning(latents)
      computed["mid.\(name).post_quant_conv"] = beginning.projected.transposed()
      computed["mid.\(name).conv_in"] = beginning.entry.transposed()
      computed["mid.\(name).block_0"] = beginning.stage.transposed()
    }
    return try compare(fixture, computed)
  }

  /// Sound to the mean and variance of its latents.
  func soundEncoder(_ fixture: Fixture) throws -> [Comparison] {
    let configuration = try fixture.configuration(AutoencoderFixture.self).kwargs
    let weights = try fixture.weights(on: backend)
    let encoder = try DACEncoder(weights, configuration)
    try weights.checkAllRead()
    var computed: [String: Tensor] = [:]
    for (name, samples) in try inputs(fixture) {
      let posterior = encoder.encode(samples.floats())
      computed["mean.\(name)"] = posterior.mean.transposed()
      computed["logvar.\(name)"] = posterior.logVariance.transposed()
      computed["mid.encoder.\(name)"] = posterior.features.transposed()
    }
    return try compare(fixture, computed)
  }

  /// Synchformer's audio tower from the wave on, and the offset head on its features.
  func audioTower(_ fixture: Fixture) throws -> [Comparison] {
    let settings = try fixture.configuration(SynchformerFixture.self)
    guard let sizes = settings.audio else {
      throw FixtureError.unusable(file: fixture.folder.path, reason: "fixture.json lacks 'ast'")
    }
    let weights = try fixture.weights(on: backend)
    let tower = try AudioSpectrogramTransformer(weights["afeat_extractor"], sizes)
    let head = try OffsetTransformer(weights, settings.offset)
    try weights.checkAllRead()

    let recording = try fixture.recording()
    let wave = try recording.input("wave", on: backend)
    let (clips, length) = (wave.shape[0], wave.shape[1])
    let samples = wave.floats()
    let front = SegmentSpectra()
    let spectra = (0..<clips).map { front(Array(samples[$0 * length..<($0 + 1) * length])) }
    let segments = SegmentSpectra.count(samples: length)
    let shape: Shape = [clips * segments, SegmentSpectra.bands, SegmentSpectra.frames]
    let features = tower(backend.tensor(spectra.flatMap { $0 }, shape))
      .reshaped([
        clips, segments, AudioSpectrogramTransformer.tokensPerSegment, sizes.width,
      ])
    let logits = head(visual: try recording.input("vis_feat", on: backend), audio: features)

    let bins = SegmentSpectra.filterbank[0].count
    let filterbank = backend.tensor(
      SegmentSpectra.filterbank.flatMap { $0 }, [SegmentSpectra.bands, bins])
    return try compare(
      fixture,
      [
        "aud_feat": features, "logits": logits, "mel_filterbank": filterbank.transposed(),
        "mid.norm_logmel": backend.tensor(spectra[0], shape.replacing(axis: 0, with: segments))[
          3..<5],
      ])
  }

  /// Synchformer's offset head on recorded features.
  func offsetHead(_ fixture: Fixture) throws -> [Comparison] {
    let settings = try fixture.configuration(SynchformerFixture.self)
    let weights = try fixture.weights(on: backend)
    let head = try OffsetTransformer(weights, settings.offset)
    try weights.checkAllRead()
    let recording = try fixture.recording()
    let logits = head(
      visual: try recording.input("vis_feat", on: backend),
      audio: try recording.input("aud_feat", on: backend))
    return try compare(fixture, ["logits": logits])
  }
}
