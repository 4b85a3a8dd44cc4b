import ArgumentParser
import CUDABackend
import Foundation
import ReferenceBackend
import Tensors
import TestSupport

struct OperationsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "operations",
    abstract: "Compares every operation with naive loops in double precision.",
    discussion: """
      One line of a Markdown table for each kind of operation: how many cases, and the largest relative L2 error of \
      those in f32 and of those in bf16. The exit status is 1 where a case misses its tolerance; each is told below \
      the table.
      """)

  @OptionGroup var computing: BackendOptions

  func run() throws {
    let backend = try computing.make()
    print("| operations on \(backend.name) | cases | error, f32 | error, bf16 | missed |")
    print("|---|---|---|---|---|")
    var misses: [String] = []
    for family in OperationFamily.all {
      let outcomes = family.cases.map { Outcome($0, on: backend) }
      func worst(_ isRounded: Bool) -> String {
        let errors = outcomes.filter { $0.isRounded == isRounded }.map(\.error)
        return errors.max().map { String(format: "%.1e", $0) } ?? ""
      }
      let missed = outcomes.filter { !$0.passed }
      print(
        "| \(family.name) | \(outcomes.count) | \(worst(false)) | \(worst(true)) | \(missed.count) |"
      )
      misses += missed.map { "\(family.name): \($0.line)" }
    }
    if misses.isEmpty { return }
    print("\n" + misses.joined(separator: "\n"))
    throw ExitCode.failure
  }

  /// One case on a backend and on the plain one.
  private struct Outcome {
    let isRounded: Bool
    let error: Float
    let passed: Bool
    let line: String

    init(_ operation: OperationCase, on backend: any Backend) {
      let found = operation.operation(backend)
      let expected = operation.operation(Reference())
      let device = backend as? CUDABackend
      isRounded = device?.isRounded(found) == true
      let tolerance =
        device == nil ? operation.tolerance : operation.deviceTolerance(isRounded: isRounded)
      let (norm, most) =
        found.shape == expected.shape
        ? relativeErrors(found.floats(), expected.floats())
        : (norm: Float.infinity, most: Float.infinity)
      error = norm
      passed = norm <= tolerance && most <= 30 * tolerance
      line =
        "\(operation.what): relative L2 \(norm), largest \(most), tolerance \(tolerance)"
    }
  }
}
