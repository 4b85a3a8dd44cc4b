import CUDADevice
import Foundation
import Tensors
import TestSupport
import Testing

@testable import CUDABackend

/// What the backend does with memory, and what it does when something fails.
@Suite struct BackendTests {
  @Test func name() throws {
    try withBackend("device=NVIDIA A100|8.0|40960|39000") { backend, _ in
      #expect(backend.name == "cuda:0 (NVIDIA A100, sm_80)")
    }
  }

  /// In bf16 where the weight is, and in f32 where it is not: seen by what is launched.
  @Test func numbersOfProducts() throws {
    func kernels(_ dtype: DType, rows: Int = 20) throws -> Set<String> {
      var names: Set<String> = []
      try withBackend { backend, mock in
        let x = backend.noise([rows, 64]).linear(backend.stored([64, 64], dtype))
        _ = x.view.attend(keys: x.view, values: x.view, heads: 2).floats()
        names = Set(try mock.report().launches.keys)
      }
      return names
    }
    #expect(
      try kernels(.bf16) == [
        "foley_activate", "foley_product_bf16_64x64", "foley_attention_32",
      ])
    #expect(try kernels(.bf16, rows: 3).contains("foley_product_bf16_few_rows"))
    #expect(try kernels(.f32) == ["foley_product_f32_64x64", "foley_attention_plain"])
    #expect(
      try kernels(.f16) == ["foley_gather", "foley_product_f32_64x64", "foley_attention_plain"])
  }

  @Test func memoryIsUsedAgainAndTrimmed() throws {
    try withBackend { backend, _ in
      let x = backend.noise([100, 100])
      _ = x.silu().floats()
      let before = backend.memory.allocations
      for _ in 0..<5 { _ = x.silu().floats() }
      #expect(backend.memory.allocations == before)
      backend.trim()
      #expect(backend.memory.kept == 0)
    }
  }

  /// Zeros that stand in for weights take no memory until somebody computes with them.
  @Test func standInsTakeNoMemory() throws {
    try withBackend { backend, _ in
      let before = backend.memory.taken
      let zeros = backend.upload(HostTensor(zeros: [1 << 12, 1 << 16], dtype: .f32))
      #expect(backend.memory.taken == before && zeros.shape == [1 << 12, 1 << 16])
      let few = backend.upload(HostTensor(zeros: [3, 5], dtype: .bf16))
      #expect(few.floats() == [Float](repeating: 0, count: 15))
      #expect(backend.memory.taken > before)
    }
  }

  /// Tensors may outlive every other reference to their backend.
  @Test func tensorsKeepTheirBackend() throws {
    try withBackend { backend, _ in
      let driver = backend.context.driver
      var kept: Tensor? = try CUDABackend(CUDAContext(driver, driver.gpu(numbered: 0)))
        .noise([4, 4]).silu()
      #expect(kept?.floats().count == 16)
      kept = nil
    }
  }

  @Test func severalCallersAtOnce() throws {
    try withBackend { backend, _ in
      let expected = backend.noise([8, 40]).linear(backend.noise([40, 40], seed: 2)).floats()
      let group = DispatchGroup()
      let results = (0..<4).map { _ in Results() }
      for result in results {
        DispatchQueue.global().async(group: group) {
          for _ in 0..<3 {
            let y = backend.noise([8, 40]).linear(backend.noise([40, 40], seed: 2))
            result.values.append(y.floats())
          }
        }
      }
      group.wait()
      for result in results { #expect(result.values.allSatisfy { $0 == expected }) }
    }
  }

  private final class Results: @unchecked Sendable { var values: [[Float]] = [] }

  // MARK: Failures

  /// A row index into a smaller table is the program's mistake, found before the GPU reads anything.
  @Test func rowIndexOutOfBounds() async {
    await #expect(processExitsWith: .failure) {
      try withBackend { backend, _ in
        _ = backend.noise([3, 4]).view.picking(rows: backend.rowIndex([0, 3])).copied()
      }
    }
  }

  @Test func outOfMemory() async {
    let found = await #expect(processExitsWith: .exitCode(75), observing: [\.standardErrorContent])
    {
      endWithStatuses()
      try withBackend(memoryLimit: 1 << 20) { backend, _ in _ = backend.noise([1024, 1024]) }
    }
    let text = String(decoding: found?.standardErrorContent ?? [], as: UTF8.self)
    let wanted =
      "cuda:0 (Mock GPU, sm_80): out of GPU memory: 4.0 MiB more would exceed the limit of 1.0 MiB"
    #expect(text.contains(wanted), "\(text)")
  }

  /// Whatever fails, from the first call to the last: an error while the backend is made, the program's end after it.
  @Test func everyFailure() async throws {
    var calls = 0
    try withBackend { backend, mock in
      work(backend)
      calls = try mock.report().calls
    }
    // Each in a process of its own: some of them, which are spread over all.
    for call in stride(from: 1, through: calls, by: max(1, calls / 8)) {
      let found = await #expect(
        processExitsWith: .exitCode(70), observing: [\.standardErrorContent]
      ) { [call = call as Int] in
        endWithStatuses()
        do {
          try withBackend("fail=\(call):719") { backend, _ in work(backend) }
        } catch {
          DeviceFailure.end("\(error)", isTemporary: false)
        }
        // What only gives something back tells nobody.
        DeviceFailure.end("719 was kept to itself", isTemporary: false)
      }
      let text = String(decoding: found?.standardErrorContent ?? [], as: UTF8.self)
      #expect(text.contains("719"), "call \(call): \(text)")
    }
  }
}

/// Failures end the process as the program does it.
private func endWithStatuses() {
  DeviceFailure.handle { message, isTemporary in
    FileHandle.standardError.write(Data(message.utf8))
    exit(isTemporary ? 75 : 70)
  }
}

private func work(_ backend: CUDABackend) {
  let x = backend.noise([20, 64]).linear(backend.stored([64, 64], .bf16))
  _ = x.view.attend(keys: x.view, values: x.view, heads: 2).floats()
}
