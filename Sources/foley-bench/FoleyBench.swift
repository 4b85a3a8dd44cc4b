import ArgumentParser
import CPUBackend
import ReferenceBackend
import Tensors

@main
struct FoleyBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "foley-bench",
    abstract: "Measures and checks foley's parts.",
    subcommands: [ParityCommand.self, SolversCommand.self])
}

/// Which implementation of the arithmetic to run.
enum BackendChoice: String, CaseIterable, ExpressibleByArgument {
  case reference

  static let standard = BackendChoice.reference

  func make() -> any Backend {
    switch self {
    case .reference: Reference()
    }
  }
}
