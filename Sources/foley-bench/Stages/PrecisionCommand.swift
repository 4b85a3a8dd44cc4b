import ArgumentParser
import CPUBackend
import Foundation
import Networks
import Sampling
import Tensors

struct PrecisionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "precision",
    abstract: "Compares latents made in 8-bit integers with those made in single precision.",
    discussion: """
      Both start from the same noise. Prints the relative L2 distance of the first velocity and of the final \
      latents, and the processor seconds of both runs.
      """)

  @Option(help: "random:xl, random:xxl, or the folder of an embedded model.")
  var model: BenchmarkModel

  @Option(help: "What an embedded model is asked for.")
  var prompt = "a hammer strikes an anvil"

  @Option(help: "Steps of the sampler.")
  var steps = 50

  @Option(help: ArgumentHelp("Solver of the sampler: euler, heun, midpoint or multistep."))
  var solver = Solver.euler.rawValue

  @Option(help: "Guidance of random weights; an embedded model has its own.")
  var guidance: Float = 4.5

  @Option(help: "Seed of the noise.")
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp(
      "Only so many triple and single blocks of random weights, such as 1,2.", valueName: "counts"))
  var blocks: BlockCounts?

  @Option(help: "Threads that compute.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  func validate() throws {
    guard Solver(rawValue: solver) != nil else {
      throw ValidationError("'\(solver)' is no solver.")
    }
  }

  func run() throws {
    let backend = try CPUBackend(threads: threads, level: .preferred())
    let single = try run(.bf16, on: backend)
    let integers = try run(.int8, on: backend)
    print(
      String(
        format: "%@, %d steps of %@: first velocity %.5f, latents %.5f (relative L2)", model.name,
        steps, solver,
        relativeDistance(integers.velocity, single.velocity),
        relativeDistance(integers.latents, single.latents)))
    print(
      String(
        format: "single precision %.2f s, int8 %.2f s: %.2f times as fast", single.seconds,
        integers.seconds, single.seconds / integers.seconds))
  }

  private struct Run {
    let velocity: [Float]
    let latents: [Float]
    let seconds: Double
  }

  private func run(_ precision: BenchmarkPrecision, on backend: CPUBackend) throws -> Run {
    let (subject, noise) = try subject(precision, on: backend)
    let sampler = Sampler(
      solver: Solver(rawValue: solver) ?? .euler, schedule: try SigmaSchedule(steps: steps))
    let first = subject.velocity(noise, sigma: 1).floats()
    let began = ProcessorTime.seconds
    let latents = try sampler(noise, model: subject).floats()
    return Run(velocity: first, latents: latents, seconds: ProcessorTime.seconds - began)
  }

  private func subject(_ precision: BenchmarkPrecision, on backend: CPUBackend) throws
    -> (GuidedTransformer, Tensor)
  {
    switch model {
    case .folder(let folder):
      let generator = try EmbeddedGenerator(
        folder: folder, prompt: prompt, guidance: nil, seed: seed, precision: precision.products,
        on: backend)
      return (generator.model, generator.noise)
    case .random(_, let configuration):
      let window = try RandomWindow(
        configuration,
        StageSettings(model: model, precision: precision, blocks: blocks, backend: backend))
      return (
        GuidedTransformer(window.network, guided: window.conditions, guidance: guidance),
        GaussianNoise(seed: seed).latents(
          0..<RandomWindow.latents, channels: configuration.latentChannels, on: backend)
      )
    }
  }
}
