import ArgumentParser
import CPUBackend
import Foundation
import ReferenceBackend
import Tensors

@main
struct FoleyBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "foley-bench",
    abstract: "Measures and checks foley's parts.",
    subcommands: [
      ParityCommand.self, SolversCommand.self, StagesCommand.self, PrecisionCommand.self,
      RandomFolderCommand.self, SoakCommand.self, ContinuityCommand.self,
    ])
}

/// Which implementation of the arithmetic to run.
enum BackendChoice: String, CaseIterable, ExpressibleByArgument {
  case cpu
  case reference

  func make(threads: Int) throws -> any Backend {
    switch self {
    case .cpu: try CPUBackend(threads: threads)
    case .reference: Reference()
    }
  }
}

/// What computes: options all sub-commands share.
struct BackendOptions: ParsableArguments {
  @Option(help: "What computes: the fast kernels, or naive loops in double precision.")
  var backend: BackendChoice = .cpu

  @Option(help: "Threads that compute.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  func validate() throws {
    guard threads > 0 else { throw ValidationError("At least one thread is needed.") }
  }

  func make() throws -> any Backend { try backend.make(threads: threads) }
}
