import CPUBackend
import Checkpoints
import ReferenceBackend
import Tensors
import TestSupport
import Testing

@testable import Networks

@Suite struct DACTests {
  private static let configuration = DACConfiguration(
    encoderDim: 2, encoderRates: [2, 3, 4], latentDim: 6, decoderDim: 48, decoderRates: [4, 3, 2])

  /// Weights under their published names, normalised ones in two parts.
  private static let source: RandomSource = {
    var shapes: [String: Shape] = [:]
    func layer(_ key: String, _ shape: Shape, bias: Int) {
      shapes[key + ".weight_v"] = shape
      shapes[key + ".weight_g"] = [shape[0], 1, 1]
      shapes[key + ".bias"] = [bias]
    }
    func unit(_ key: String, _ width: Int) {
      shapes[key + ".block.0.alpha"] = [1, width, 1]
      layer(key + ".block.1", [width, width, 7], bias: width)
      shapes[key + ".block.2.alpha"] = [1, width, 1]
      layer(key + ".block.3", [width, width, 1], bias: width)
    }
    for (key, output) in [("post_quant_conv", 6), ("quant_conv", 12)] {
      shapes[key + ".weight"] = [output, 6, 1]
      shapes[key + ".bias"] = [output]
    }
    layer("decoder.model.0", [48, 6, 7], bias: 48)
    for (index, rate) in configuration.decoderRates.enumerated() {
      let (block, width) = ("decoder.model.\(index + 1).block.", 48 >> index)
      shapes[block + "0.alpha"] = [1, width, 1]
      layer(block + "1", [width, width / 2, 2 * rate], bias: width / 2)
      for place in 2...4 { unit(block + "\(place)", width / 2) }
    }
    shapes["decoder.model.4.alpha"] = [1, 6, 1]
    layer("decoder.model.5", [1, 6, 7], bias: 1)
    layer("encoder.block.0", [2, 1, 7], bias: 2)
    for (index, rate) in configuration.encoderRates.enumerated() {
      let (block, width) = ("encoder.block.\(index + 1).block.", 2 << index)
      for place in 0...2 { unit(block + "\(place)", width) }
      shapes[block + "3.alpha"] = [1, width, 1]
      layer(block + "4", [2 * width, width, 2 * rate], bias: 2 * width)
    }
    shapes["encoder.block.4.alpha"] = [1, 16, 1]
    layer("encoder.block.5", [6, 16, 3], bias: 6)
    return RandomSource(shapes: shapes, seed: 5)
  }()

  private func decoder(
    _ source: any TensorSource = source, _ configuration: DACConfiguration = configuration,
    on backend: (any Backend)? = nil
  ) throws -> DACDecoder {
    try DACDecoder(Weights(source, on: backend ?? CPUBackend(threads: 2)), configuration)
  }

  private func latents(_ count: Int) -> [Float] {
    GaussianNoise(seed: 3).rows(0..<count, channels: 6)
  }

  private func samples(_ decoder: DACDecoder, block: Int, _ pieces: [[Float]]) -> [Float] {
    var stream = decoder.stream(block: block)
    var samples: [Float] = []
    for piece in pieces { samples += stream.decode(piece) }
    return samples + stream.finish()
  }

  /// However latents come, the samples are the same bits.
  @Test(arguments: [1, 2, 3, 7, 40, 41])
  func piecesDoNotMatter(size: Int) throws {
    let (decoder, latents) = (try decoder(), latents(40))
    let whole = samples(decoder, block: 9, [latents])
    #expect(whole.count == 40 * 24 && decoder.samplesPerLatent == 24)
    let pieces = stride(from: 0, to: latents.count, by: 6 * size).map {
      Array(latents[$0..<min($0 + 6 * size, latents.count)])
    }
    let streamed = samples(decoder, block: 9, pieces)
    #expect(zip(whole, streamed).allSatisfy { $0.bitPattern == $1.bitPattern })
    #expect(streamed.count == whole.count)
  }

  /// Blocks of any size join without a seam: the same as one block for everything. They differ in the last
  /// digits alone, where products of few rows are summed in another order.
  @Test(arguments: [1, 2, 5, 13, 39, 40])
  func blocksHaveNoSeams(block: Int) throws {
    let (decoder, latents) = (try decoder(), latents(40))
    let whole = samples(decoder, block: 1000, [latents])
    #expect(relativeError(samples(decoder, block: block, [latents]), whole) < 1e-5)
  }

  /// A sound of any length, down to one latent and none.
  @Test(arguments: [0, 1, 2, 3, 5])
  func shortSounds(count: Int) throws {
    let plain = try decoder(on: Reference())
    let expected = plain.decode(latents(count))
    #expect(expected.count == count * 24 && expected.allSatisfy { abs($0) <= 1 })
    #expect(relativeError(try decoder().decode(latents(count)), expected) < 1e-5)
    #expect(relativeError(samples(plain, block: 1, [latents(count)]), expected) < 1e-5)
  }

  /// A stream gives samples as it goes, and has no more to come than its reach.
  @Test func samplesComeEarly() throws {
    var stream = try decoder().stream(block: 4)
    var given = 0
    for piece in 0..<20 {
      given += stream.decode(Array(latents(80)[piece * 24..<(piece + 1) * 24])).count
      #expect(given >= (4 * piece - 20) * 24, "after \(piece + 1) pieces")
    }
  }

  /// Normalised weights and the product of their parts are the same decoder.
  @Test func foldedWeights() throws {
    var folded: [String: HostTensor] = [:]
    for key in DACTests.source.keys where key.hasSuffix("weight_v") {
      let base = key.dropLast(2)
      let v = try DACTests.source.tensor(key)
      let g = try DACTests.source.tensor(base + "_g").floats()
      let (values, width) = (v.floats(), v.shape.count / v.shape[0])
      let scaled = (0..<v.shape[0]).flatMap { row -> [Float] in
        let part = values[row * width..<(row + 1) * width]
        let norm = part.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return part.map { Float(Double($0) * Double(g[row]) / norm) }
      }
      folded[String(base)] = HostTensor(copying: scaled, shape: v.shape, dtype: .f32)
    }
    let others = DACTests.source.keys.filter { !$0.contains("weight_") }
    for key in others { folded[key] = try DACTests.source.tensor(key) }
    let plain = try decoder().decode(latents(9))
    let found = try decoder(StoredTensors(tensors: folded)).decode(latents(9))
    #expect(relativeError(found, plain) < 1e-5)
  }

  /// Every tensor is read by one of the two halves.
  @Test func everyKeyIsRead() throws {
    let weights = Weights(DACTests.source, on: Reference())
    _ = try DACDecoder(weights, DACTests.configuration)
    #expect(
      weights.unreadKeys.allSatisfy { $0.hasPrefix("encoder.") || $0.hasPrefix("quant_conv") })
    _ = try DACEncoder(weights, DACTests.configuration)
    try weights.checkAllRead()
  }

  /// Long sounds are encoded in pieces: what a piece gives does not depend on where it lies.
  @Test func encodingHasNoSeams() throws {
    let encoder = try DACEncoder(
      Weights(DACTests.source, on: try CPUBackend(threads: 1)), DACTests.configuration)
    #expect(encoder.samplesPerLatent == 24)
    // Three pieces, the last of them short.
    let sound = GaussianNoise(seed: 9).rows(0..<24 * 230 - 5, channels: 1)
    let all = encoder.encode(sound)
    #expect(all.mean.shape == [230, 6] && all.logVariance.shape == [230, 6])
    let tail = encoder.encode(Array(sound[(24 * 80)...]))
    // Away from the ends, which have silence around them.
    let (means, late) = (all.mean.floats(), tail.mean.floats())
    #expect(relativeError(Array(late[20 * 6..<150 * 6]), Array(means[100 * 6..<230 * 6])) < 1e-5)
    #expect(all.logVariance.floats().allSatisfy { (-30...20).contains($0) })
    let plain = try DACEncoder(
      Weights(DACTests.source, on: Reference()), DACTests.configuration)
    let start = Array(sound[..<(24 * 30)])
    #expect(
      relativeError(encoder.encode(start).mean.floats(), plain.encode(start).mean.floats()) < 1e-5)
  }

  @Test func configurationsAreChecked() throws {
    func message(_ change: (inout DACConfiguration) -> Void) -> String {
      var configuration = DACTests.configuration
      change(&configuration)
      let error = #expect(throws: CheckpointError.self) {
        try decoder(DACTests.source, configuration)
      }
      return error.map { "\($0)" } ?? ""
    }
    #expect(message { $0.continuous = false }.contains("'continuous' is false"))
    #expect(message { $0.decoderRates = [] }.contains("'decoder_rates' is []"))
    #expect(message { $0.decoderRates = [4, 0] }.contains("'decoder_rates' is [4, 0]"))
    #expect(
      message { $0.decoderDim = 44 }.contains("'decoder_dim' is 44, expected a multiple of 8"))
    #expect(message { $0.latentDim = -1 }.contains("'latent_dim' is -1"))
    #expect(message { $0.latentDim = 7 }.contains("post_quant_conv.weight"))
    #expect(message { $0.decoderRates = [4, 3, 3] }.contains("decoder.model.3.block.1.weight_v"))
  }
}

/// Tensors by name.
private struct StoredTensors: TensorSource {
  let file = "stored"
  let tensors: [String: HostTensor]
  var keys: [String] { tensors.keys.sorted() }
  func contains(_ key: String) -> Bool { tensors[key] != nil }
  func tensor(_ key: String) throws(CheckpointError) -> HostTensor {
    guard let tensor = tensors[key] else { throw .missingKey(file: file, key: key) }
    return tensor
  }
}
