import CPUBackend
import Checkpoints
import Foundation
import Media
import Sampling
import Tensors
import TestSupport
import Testing

@testable import FoleyKit

/// The published model's family on the miniature folder of the fixtures.
@Suite(.enabled(if: Shared.directory != nil, "the folder ../shared with the fixtures is absent"))
struct PublishedModelTests {
  private let backend: CPUBackend

  init() throws { backend = try CPUBackend(threads: 1) }

  private func folder() throws -> URL {
    try #require(Shared.directory).appendingPathComponent("reference/goldens/published-layout")
  }

  private func description(_ url: URL? = nil) throws -> HunyuanDescription {
    let folder = try ModelFolder.find((url ?? folder()).path)
    return try #require(ModelFamilies.describe(folder) as? HunyuanDescription)
  }

  private func request(seconds: Double) -> GenerationRequest {
    GenerationRequest(source: .black(seconds: seconds), prompt: "rain on a roof", seed: 3, steps: 2)
  }

  private final class Samples: SoundSink {
    var samples: [Float] = []
    func start(expectedSamples: Int?) throws {}
    func write(_ samples: [Float]) throws { self.samples += samples }
  }

  private func sound(
    _ description: any ModelDescription, seconds: Double = 9.3,
    memory: MemoryBudget = MemoryBudget(),
    precision: Precision? = nil
  ) throws -> [Float] {
    let sink = Samples()
    let resources = ModelResources(
      backend: backend, threads: 1, memory: memory, precision: precision)
    let report = try Pipeline(model: description, resources)
      .generate(request(seconds: seconds), into: sink)
    #expect(report.samples == sink.samples.count)
    #expect(report.parameters.negativePrompt == "noisy, harsh")
    #expect(report.parameters.guidance == 4.5)
    return sink.samples
  }

  @Test func itsConfigurationIsRead() throws {
    let description = try description()
    #expect(description.sampling == SamplingSettings(steps: 50, guidance: 4.5, solver: .euler))
    let wishes = description.pictures(prompt: "")
    #expect(wishes == description.pictures(prompt: "rain"), "it looks whatever it is told")
    #expect(wishes.visual?.rate == 8 && wishes.sync?.rate == 25)
    #expect(description.warnings.isEmpty)
  }

  /// The sound is the same bytes whether networks stay or are read again for every window.
  @Test func memoryDoesNotChangeTheSound() throws {
    let description = try description()
    let need = try description.memoryNeed(precision: nil, on: backend)
    #expect(need.least < need.whole)
    let tight = MemoryBudget(bytes: need.least)
    #expect(try sound(description, memory: tight) == sound(description))
  }

  /// With next to no room, what one window has used has to go before the next part is read.
  @Test func stagesTakeTurns() throws {
    let description = try description()
    let need = try description.memoryNeed(precision: nil, on: backend)
    #expect(throws: FoleyError.self) {
      _ = try description.load(
        ModelResources(
          backend: backend, threads: 1, memory: MemoryBudget(bytes: need.least - 1)))
    }
    let memory = MemoryBudget(bytes: need.least)
    let model = try description.load(
      ModelResources(backend: backend, threads: 1, memory: memory))
    let text = try model.text(prompt: "rain", negative: "")
    #expect(memory.names == ["text"])
    let conditions = WindowConditions(text: text, visual: nil, sync: nil, latents: 50)
    _ = try model.velocity(conditions, guidance: 4.5)
    #expect(memory.names.last == "transformer")
    model.release(.transformer)
    #expect(!memory.names.contains("transformer"))
  }

  @Test func precisionIsKept() throws {
    let description = try description()
    let published = try sound(description, seconds: 1)
    // The file is bf16, so it loses nothing.
    #expect(try sound(description, seconds: 1, precision: .f32) == published)
    #expect(try sound(description, seconds: 1, precision: .int8) != published)
  }

  /// Every length from one sample on, with pictures: the reference implementation needs sixteen frames.
  @Test(arguments: [1, 2, 15, 16, 17, 24, 199, 200])
  func shortWindows(frames: Int) throws {
    let description = try description()
    let model = try description.load(ModelResources(backend: backend, threads: 1))
    let picture = { (side: Int, shade: Int) in
      Picture(
        width: side, height: side, format: .rgb24,
        bytes: [UInt8](repeating: UInt8(shade % 251), count: side * side * 3))
    }
    let visual = (0..<(frames * 8 + 24) / 25).map { picture(512, $0 / 4) }
    let sync = (0..<frames).map { picture(224, $0 / 8) }
    let window = WindowMaterial(
      latents: 2 * frames, pictures: WindowPictures(visual: visual, sync: sync))
    let seen = try #require(try model.visual(window) { _, _ in })
    let moved = try #require(try model.sync(window) { _, _ in })
    #expect(seen.shape == [1, visual.count, 32])
    #expect(moved.shape == [1, SyncSegments(frames: frames).tokens, 32])
    let text = try model.text(prompt: "", negative: "noisy, harsh")
    let velocity = try model.velocity(
      WindowConditions(text: text, visual: seen, sync: moved, latents: 2 * frames), guidance: 4.5)
    let noise = GaussianNoise(seed: 1).latents(
      0..<2 * frames, channels: model.latentChannels, on: backend)
    let answer = velocity.velocity(noise, sigma: 1).floats()
    #expect(answer.allSatisfy { $0.isFinite })
  }

  @Test func withoutGuidanceOneBranchIsEnough() throws {
    let model = try description().load(ModelResources(backend: backend, threads: 1))
    let text = try model.text(prompt: "rain", negative: "noise")
    let conditions = WindowConditions(text: text, visual: nil, sync: nil, latents: 30)
    let noise = GaussianNoise(seed: 1).latents(0..<30, channels: model.latentChannels, on: backend)
    let one = try model.velocity(conditions, guidance: 1).velocity(noise, sigma: 0.5).floats()
    let two = try model.velocity(conditions, guidance: 1 + 1e-6).velocity(noise, sigma: 0.5)
      .floats()
    #expect(relativeError(two, one) < 1e-4)
  }
}
