import CPUBackend
import Foundation
import Motion
import Sampling
import Tensors
import Testing

@testable import FoleyKit

/// The clock over an hour: a pulse that is seen sounds at its place, exactly, whatever the window it falls in.
@Suite struct PulseTests {
  /// Every latent is the motion it is given: 1 where an event is, else 0. Its sound is one sample of 0.5 at the start
  /// of a latent with an event.
  struct Pulses: ModelDescription, ModelFamily, SoundDecoder {
    let folder = ModelFolder(path: "pulses")
    let family = "pulses"
    let sampling = SamplingSettings(steps: 2, guidance: 1, solver: .euler)
    let negativePrompt = ""
    let lastWindow = LastWindow(granularity: 16, shortest: 128)
    let keepsStillScenesQuiet = false
    let warnings: [String] = []
    let latentChannels = 1
    let backend: any Backend

    func pictures(prompt: String) -> PictureWishes { PictureWishes() }
    func licences() -> [ModelLicence] { [] }
    func checkpoints() -> [ModelCheckpoint] { [] }
    func memoryNeed(precision: Precision?, on backend: any Backend) -> MemoryNeed {
      MemoryNeed(whole: 0, least: 0)
    }
    func load(_ resources: ModelResources) -> any ModelFamily { self }
    func text(prompt: String, negative: String) -> TextConditions { TextConditions() }
    func visual(_ window: WindowMaterial, progress: EncodingProgress) -> Tensor? { nil }

    func sync(_ window: WindowMaterial, progress: EncodingProgress) -> Tensor? {
      // Feature 1 marks an event, two latents for each feature.
      var marks: [Float] = []
      for place in stride(from: 1, to: window.motion.count, by: SyncFeatures.width) {
        marks += [window.motion[place], 0]
      }
      return backend.tensor(marks, [1, marks.count, 1])
    }

    /// Straight from any noise to what was seen.
    struct Line: VelocityModel {
      let end: Tensor
      func velocity(_ x: Tensor, sigma: Float) -> Tensor {
        (x.combined(1, with: end.view, -1)) * (1 / sigma)
      }
    }

    func velocity(_ told: WindowConditions, guidance: Float) -> any VelocityModel {
      guard let end = told.sync else { preconditionFailure("always given") }
      return Line(end: end)
    }

    func decoder(seed: UInt64, aligns: Bool) -> any SoundDecoder { self }
    func release(_ part: ModelPart) {}

    mutating func decode(_ latents: [Float], seen: [VisualEvent], until end: Double) -> [Float] {
      latents.flatMap { value in
        [value > 0.9 ? 0.5 : 0] + [Float](repeating: 0, count: Clock.samplesPerLatent - 1)
      }
    }
    mutating func finish() -> [Float] { [] }
  }

  /// Keeps where something sounds, not the hour.
  final class Listener: SoundSink {
    var count = 0
    var pulses: [Int] = []
    func start(expectedSamples: Int?) {}
    func write(_ samples: [Float]) {
      for (index, sample) in samples.enumerated() where sample > 0.1 {
        pulses.append(count + index)
      }
      count += samples.count
    }
  }

  @Test(arguments: [nil, 1234.56] as [Double?]) func anHourWithoutDrift(cut: Double?) throws {
    let backend = try CPUBackend(threads: 1)
    // In steps that meet every place within windows and hops, each at the start of a feature.
    let places = Array(stride(from: 27, to: 3600 * 25, by: 173))
    let events = places.map { VisualEvent(time: (Double($0) + 0.001) / 25, strength: 0.9) }
    let request = GenerationRequest(
      source: .black(seconds: 3600),
      givenEvents: EventFile(events: events, cuts: cut.map { [$0] } ?? []), aligns: false)
    let listener = Listener()
    let report = try Pipeline(
      model: Pulses(backend: backend), ModelResources(backend: backend, threads: 1)
    ).generate(request, into: listener)
    #expect(listener.count == 3600 * 48_000)
    #expect(report.breaks.count == (cut == nil ? 0 : 1))
    // The limiter delays nothing; every pulse is where it was seen, to the sample.
    #expect(listener.pulses == places.map { $0 * 48_000 / 25 })
  }
}
