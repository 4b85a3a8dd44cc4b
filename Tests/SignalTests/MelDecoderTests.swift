import Checkpoints
import Foundation
import ReferenceBackend
import Signal
import Tensors
import Testing

@Suite struct MelDecoderTests {
  /// Each latent value moves one band pattern: enough of a basis to test with.
  static func decoder(_ settings: MelDecoderSettings = MelDecoderSettings()) -> MelDecoder {
    let channels = 6
    var basis = [Float](repeating: 0, count: channels * 200)
    for channel in 0..<channels {
      for index in 0..<200 {
        let band = Float(index % 100)
        basis[channel * 200 + index] =
          cos(Float(channel) * Float.pi * (band + 0.5) / 100) + (index < 100 ? 0.1 : -0.1)
      }
    }
    return MelDecoder(
      mean: [Float](repeating: -6, count: 200), basis: basis, settings: settings)
  }

  /// A texture with a loud and a quiet stretch and a few blows.
  static func latents(_ count: Int) -> [Float] {
    let random = scatter(count * 6, seed: 3)
    return (0..<count * 6).map { index in
      let (row, channel) = (index / 6, index % 6)
      let level: Float = (row / 40) % 2 == 0 ? 1.5 : -2
      let blow: Float = row % 37 == 5 ? 2 : 0
      return (channel == 0 ? level + blow : channel == 1 ? 1 : 0) + 0.3 * random[index]
    }
  }

  static let short = MelDecoderSettings(iterations: 3, momentum: 0.5, corrections: 1, chunk: 64)

  @Test(arguments: [[1, 2, 3], [7], [50, 1], [64], [240]])
  func piecesChangeNothing(sizes: [Int]) {
    let decoder = MelDecoderTests.decoder(MelDecoderTests.short)
    let latents = MelDecoderTests.latents(240)
    let whole = decoder.decode(latents, seed: 5)
    #expect(whole.count == 240 * 960)
    var stream = decoder.stream(seed: 5, threads: 2)
    var samples: [Float] = []
    var start = 0
    var turn = 0
    while start < 240 {
      let end = min(240, start + sizes[turn % sizes.count])
      samples += stream.push(Array(latents[start * 6..<end * 6]))
      start = end
      turn += 1
    }
    samples += stream.finish()
    #expect(difference(samples, whole) == 0)
  }

  @Test(arguments: [1, 16, 100, 10_000])
  func chunkChangesNothing(chunk: Int) {
    var settings = MelDecoderTests.short
    let latents = MelDecoderTests.latents(170)
    let whole = MelDecoderTests.decoder(settings).decode(latents, seed: 5)
    settings.chunk = chunk
    let other = MelDecoderTests.decoder(settings).decode(latents, seed: 5)
    #expect(difference(other, whole) == 0)
  }

  @Test func threadsChangeNothing() {
    let decoder = MelDecoderTests.decoder()
    let latents = MelDecoderTests.latents(100)
    let one = decoder.decode(latents, seed: 9, threads: 1)
    #expect(difference(one, decoder.decode(latents, seed: 9, threads: 2)) == 0)
    #expect(difference(one, decoder.decode(latents, seed: 9, threads: 3)) == 0)
    #expect(difference(one, decoder.decode(latents, seed: 10)) > 1e-4)
  }

  /// The stream holds back no more than it must: a chunk comes once its halo is there.
  @Test func samplesComeAsSoonAsTheyAreFinal() {
    let decoder = MelDecoderTests.decoder(MelDecoderTests.short)
    var stream = decoder.stream(seed: 1)
    let needed = 64 + stream.halo  // frames
    let latents = MelDecoderTests.latents(100)
    let enough = (needed + 1) / 2
    #expect(stream.push(Array(latents[0..<(enough - 1) * 6])).isEmpty)
    #expect(stream.push(Array(latents[(enough - 1) * 6..<enough * 6])).count == 64 * 480)
  }

  /// The mel of the wave is the mel asked for, loud and quiet: no bias in level and small scatter.
  @Test func theWaveHasTheSpectrumAskedFor() {
    let decoder = MelDecoderTests.decoder()
    // Steady colours that drift slowly, 40 dB of level between the loudest and the quietest second.
    let asked = (0..<400 * 100).map { index -> Float in
      let (frame, band) = (Float(index / 100), Float(index % 100))
      return -5 + 2.3 * cos(2 * Float.pi * frame / 200) + cos(band * 0.1 + frame * 0.01)
    }
    let found = MelSpectrum()(decoder.decode(logMel: asked, seed: 2))
    #expect(found.count == asked.count)
    let differences = zip(found, asked).map { $0 - $1 }
    for start in stride(from: 10, to: 390, by: 20) {
      let run = differences[start * 100..<(start + 20) * 100]
      let level = run.reduce(0, +) / Float(run.count)
      #expect(abs(level) < 0.1, "frames from \(start): level off by \(level) nepers")
    }
    let scatter = differences.map(abs).reduce(0, +) / Float(differences.count)
    #expect(scatter < 0.3, "mean difference \(scatter) nepers")
  }

  @Test func silenceIsQuiet() {
    let decoder = MelDecoderTests.decoder()
    let floor = [Float](repeating: log(1e-5), count: 100 * 100)
    let samples = decoder.decode(logMel: floor, seed: 3)
    let power = samples.reduce(0) { $0 + $1 * $1 } / Float(samples.count)
    #expect(power.squareRoot() < 2e-4)  // -74 dBFS
  }

  @Test func nothingInNothingOut() {
    var stream = MelDecoderTests.decoder().stream(seed: 0)
    #expect(stream.push([]).isEmpty)
    #expect(stream.finish().isEmpty)
    #expect(MelDecoderTests.decoder().decode(MelDecoderTests.latents(1), seed: 0).count == 960)
  }

  @Test func aValueThatIsNoNumberShows() {
    let decoder = MelDecoderTests.decoder(MelDecoderTests.short)
    var latents = MelDecoderTests.latents(60)
    latents[30 * 6] = .nan
    #expect(decoder.decode(latents, seed: 1).contains { $0.isNaN })
  }

  /// The basis comes from a checkpoint; one of another model is refused by name.
  @Test func readsItsWeights() throws {
    let mean = (0..<200).map { Float($0) / 100 - 7 }
    let basis = scatter(3 * 200, seed: 12)
    let weights = Weights(
      InMemory(tensors: ["mean": (mean, [200]), "basis": (basis, [3, 200])]), on: Reference())
    let decoder = try MelDecoder(weights, channels: 3)
    try weights.checkAllRead()
    let row = decoder.logMel([1, 0, -2])
    for index in [0, 57, 199] {
      #expect(abs(row[index] - (mean[index] + basis[index] - 2 * basis[400 + index])) < 1e-5)
    }
    #expect(
      throws: CheckpointError.wrongShape(
        file: "memory", key: "basis", expected: [64, 200], found: [3, 200])
    ) { try MelDecoder(weights, channels: 64) }
  }
}

private struct InMemory: TensorSource {
  var tensors: [String: (values: [Float], shape: Shape)]
  var file: String { "memory" }
  var keys: [String] { Array(tensors.keys) }
  func contains(_ key: String) -> Bool { tensors[key] != nil }
  func tensor(_ key: String) throws(CheckpointError) -> HostTensor {
    guard let found = tensors[key] else { throw .missingKey(file: file, key: key) }
    return HostTensor(copying: found.values, shape: found.shape, dtype: .f32)
  }
}
