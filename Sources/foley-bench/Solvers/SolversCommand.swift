import ArgumentParser
import Foundation
import Networks
import Sampling
import Tensors

struct SolversCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "solvers",
    abstract: "Compares solvers at equal numbers of network evaluations.",
    discussion: """
      Prints the relative L2 distance of each solver's latents from those of a fine Euler run. A column \
      is a number of evaluations: Heun and midpoint spend two on each step, the others one.
      """)

  @Option(help: "Folder of an embedded model (config.json and its files).")
  var model: String?

  @Option(help: "Folder of a recorded run (module dit-trajectory), in place of a model.")
  var fixture: String?

  @Option(help: "What the model is asked for.")
  var prompt = "a hammer strikes an anvil"

  @Option(help: "Guidance; the model's own where not given.")
  var guidance: Float?

  @Option(help: "Seed of the noise.")
  var seed: UInt64 = 1

  @Option(help: "Shift of the schedule.")
  var shift: Float = 1

  @Option(help: "Numbers of evaluations, separated by commas.")
  var evaluations = "4,6,8,12,16,24,32,50"

  @Option(help: "Euler steps of the run that counts as the truth.")
  var referenceSteps = 500

  @OptionGroup var computing: BackendOptions

  func validate() throws {
    guard (model == nil) != (fixture == nil) else {
      throw ValidationError("Give either --model or --fixture.")
    }
    _ = try counts()
  }

  private func counts() throws -> [Int] {
    try evaluations.split(separator: ",").map { text in
      guard let count = Int(text), count > 0 else {
        throw ValidationError("'\(text)' is not a number of evaluations.")
      }
      return count
    }
  }

  func run() throws {
    let counts = try counts()
    let backend = try computing.make()
    let (model, noise) = try subject(on: backend)
    let comparison = try SolverComparison(
      model: model, noise: noise, shift: shift, referenceSteps: referenceSteps)
    let columns = counts.map { String(format: "%9d", $0) }.joined()
    print("evaluations" + columns)
    for solver in Solver.allCases {
      let cells = try counts.map { count in
        try comparison.row(solver, evaluations: count).map { String(format: "%9.5f", $0.error) }
          ?? "        -"
      }
      print(
        solver.rawValue.padding(toLength: 11, withPad: " ", startingAt: 0) + cells.joined())
    }
  }

  private func subject(on backend: any Backend) throws -> (any VelocityModel, noise: Tensor) {
    if let model {
      let generator = try EmbeddedGenerator(
        folder: model, prompt: prompt, guidance: guidance, seed: seed, on: backend)
      return (generator.model, generator.noise)
    }
    guard let fixture else { throw ValidationError("Give either --model or --fixture.") }
    let recorded = try ParityCheck(backend: backend)
      .recordedRun(try Fixture(fixture), guidance: guidance)
    return (recorded.model, recorded.noise)
  }
}
