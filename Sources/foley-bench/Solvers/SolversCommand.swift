import ArgumentParser

struct SolversCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "solvers", abstract: "Compares solvers at equal numbers of network evaluations.")

  func run() throws { throw ValidationError("x") }
}
