import CPUBackend
import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import FoleyKit

/// What the shipped model means by silence must not be heard as hiss.
@Suite struct DecoderFloorTests {
  /// Values of one latent's log-mel frames.
  private let mean: [Float]
  private let basis: [[Float]]
  private let model: any ModelFamily
  private let floor: Float

  init() throws {
    let folder = ModelFolder(path: Shared.repository.appendingPathComponent("Models/mini").path)
    let description = try MiniDescription(folder)
    let decoder = description.configuration.decoder
    let file = try SafetensorsFile(folder.file(decoder.file))
    mean = try file.tensor("mean").floats()
    let rows = try file.tensor("basis").floats()
    let width = mean.count
    basis = stride(from: 0, to: rows.count, by: width).map { Array(rows[$0..<$0 + width]) }
    floor = decoder.floor
    model = try description.load(
      ModelResources(backend: try CPUBackend(threads: 1), threads: 1))
  }

  /// The latent whose frames come nearest to these values: the basis is orthogonal.
  private func latent(_ frames: [Float]) -> [Float] {
    basis.map { row in
      zip(zip(frames, mean), row).reduce(0) { $0 + ($1.0.0 - $1.0.1) * $1.1 }
        / row.reduce(0) { $0 + $1 * $1 }
    }
  }

  /// Level of the sound of latents in dB of full scale, its ends left out.
  private func level(_ latents: [[Float]]) throws -> Double {
    var decoder = try model.decoder(seed: 1, aligns: false)
    let sound = try decoder.decode(latents.flatMap { $0 }) + decoder.finish()
    let middle = sound.dropFirst(4800).dropLast(4800)
    let power = middle.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(middle.count)
    return 10 * log10(power + 1e-20)
  }

  @Test func floorIsInaudible() throws {
    let silent = latent([Float](repeating: floor, count: mean.count))
    #expect(try level([[Float]](repeating: silent, count: 100)) < -75)
  }

  /// As uncertain about it as the model is: values that scatter around the floor by 3 dB.
  @Test func valuesNearTheFloorAreInaudible() throws {
    let noise = GaussianNoise(seed: 4)
    let latents = (0..<100).map { row in
      latent(noise.rows(row..<row + 1, channels: mean.count).map { floor + 0.35 * $0 })
    }
    #expect(try level(latents) < -70)
  }

  /// So that the two above can fail.
  @Test func soundIsAudible() throws {
    let loud = latent([Float](repeating: floor + 7, count: mean.count))
    #expect(try level([[Float]](repeating: loud, count: 100)) > -40)
  }
}
