import Foundation
import Tensors
import TestSupport
import Testing

@testable import foley_bench

/// Recorded networks of few weights, through the same code as `foley-bench parity --device cuda`.
@Suite(.enabled(if: Shared.directory != nil, "the folder ../shared with the fixtures is absent"))
struct NetworkTests {
  private func check(
    _ name: String, outputs: Int, storage: DType? = nil, tolerance: Double
  ) throws {
    let folder = try #require(Shared.directory).appendingPathComponent("reference/goldens/" + name)
    try withBackend { backend, _ in
      let lines = ParityCheck(backend: backend, storage: storage, tolerance: tolerance)
        .compare(folder.path)
      #expect(lines.count == outputs)
      for line in lines { #expect(line.passed, "\(line.line)") }
    }
  }

  @Test func transformerInSinglePrecision() throws {
    try check("dit-forward-short", outputs: 11, tolerance: 1e-5)
  }

  @Test func transformerInBF16() throws {
    try check("dit-forward-short", outputs: 11, storage: .bf16, tolerance: 2e-2)
  }

  @Test func soundDecoder() throws { try check("dac-decode", outputs: 8, tolerance: 1e-3) }

  @Test func offsetHead() throws { try check("synchformer-offset", outputs: 1, tolerance: 1e-4) }
}
