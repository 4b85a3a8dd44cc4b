import ArgumentParser
import CPUBackend
import CUDABackend
import CUDADevice
import Foundation
import ReferenceBackend
import Tensors

@main
struct FoleyBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "foley-bench",
    abstract: "Measures and checks foley's parts.",
    subcommands: [
      OperationsCommand.self, ParityCommand.self, SolversCommand.self, StagesCommand.self,
      PrecisionCommand.self,
      RandomFolderCommand.self, SoakCommand.self, ContinuityCommand.self,
    ])
}

/// Which implementation of the arithmetic to run.
enum BackendChoice: ExpressibleByArgument {
  case cpu
  case reference
  /// A GPU by its number, or the first that can be used.
  case cuda(Int?)

  init?(argument: String) {
    switch argument {
    case "cpu": self = .cpu
    case "reference": self = .reference
    default:
      guard let gpu = GPUName(argument) else { return nil }
      self = .cuda(gpu.number)
    }
  }

  func make(threads: Int) throws -> any Backend {
    switch self {
    case .cpu: return try CPUBackend(threads: threads)
    case .reference: return Reference()
    case .cuda(let number):
      let driver = try CUDADriver.system.get()
      return try CUDABackend(CUDAContext(driver, driver.usableGPU(number)))
    }
  }
}

/// What computes: options all sub-commands share.
struct BackendOptions: ParsableArguments {
  @Option(
    name: [.customLong("device"), .customLong("backend")],
    help:
      "What computes: cpu (the fast kernels), cuda or cuda:N, or reference (naive loops in double precision)."
  )
  var backend: BackendChoice = .cpu

  @Option(help: "Threads that compute.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  func validate() throws {
    guard threads > 0 else { throw ValidationError("At least one thread is needed.") }
  }

  func make() throws -> any Backend { try backend.make(threads: threads) }
}
