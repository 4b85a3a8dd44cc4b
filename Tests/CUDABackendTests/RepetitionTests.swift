import Foundation
import Tensors
import TestSupport
import Testing

@testable import CUDABackend

/// Work that is taken down in a graph does what it did before.
@Suite struct RepetitionTests {
  private static let width = 32

  private func layers(on backend: CUDABackend) -> RepeatedWork {
    let weights = [DType.f32, .bf16].map { backend.stored([Self.width, Self.width], $0) }
    return { inputs in
      weights.reduce(inputs[0]) { $0.linear($1).silu() + inputs[1].view }
    }
  }

  /// From the first call on, whether the device is ahead or behind; earlier results stay what they were.
  @Test(arguments: ["", "late"]) func sameNumbers(_ words: String) throws {
    try withBackend(words) { backend, _ in
      let work = layers(on: backend)
      let repeated = backend.repeating(work)
      let inputs = (0..<5).map { round in
        [
          backend.noise([2, 9, Self.width], seed: round),
          backend.noise([1, Self.width], seed: 100 + round),
        ]
      }
      let found = inputs.map { repeated($0) }
      for (found, inputs) in zip(found, inputs) {
        #expect(found.shape == [2, 9, Self.width] && found.floats() == work(inputs).floats())
        #expect(backend.isRounded(found))
      }
    }
  }

  /// Its memory is its own while it is there, and the backend's again when it is gone.
  @Test func memory() throws {
    try withBackend { backend, _ in
      let x = backend.noise([9, Self.width])
      let vector = backend.noise([1, Self.width], seed: 2)
      var repeated: RepeatedWork? = backend.repeating(layers(on: backend))
      for _ in 0..<3 { _ = repeated?([x, vector]) }
      let before = backend.memory
      for _ in 0..<5 { _ = repeated?([x, vector]).floats() }
      #expect(backend.memory == before)
      repeated = nil
      backend.trim()
      #expect(backend.memory.kept == 0 && backend.memory.taken < before.taken)
    }
  }

  /// What other threads do meanwhile does not get into the graph, nor the graph's memory into theirs.
  @Test func othersWorkMeanwhile() throws {
    try withBackend("late") { backend, _ in
      let work = layers(on: backend)
      let x = backend.noise([9, Self.width])
      let vector = backend.noise([1, Self.width], seed: 2)
      let expected = work([x, vector]).floats()
      let group = DispatchGroup()
      let wrong = (0..<3).map { _ in Count() }
      for count in wrong {
        DispatchQueue.global().async(group: group) {
          for _ in 0..<4 {
            let repeated = backend.repeating(work)
            for _ in 0..<3 where repeated([x, vector]).floats() != expected { count.value += 1 }
          }
        }
      }
      group.wait()
      #expect(wrong.allSatisfy { $0.value == 0 })
    }
  }

  private final class Count: @unchecked Sendable { var value = 0 }

  /// A value of the host's would be the same for ever.
  @Test func hostValues() async {
    for asks in [false, true] {
      await #expect(processExitsWith: .failure) { [asks = asks as Bool] in
        try withBackend { backend, _ in
          let x = backend.noise([4, 4])
          let repeated = backend.repeating { inputs in
            if asks { _ = inputs[0].floats() }
            return inputs[0] + (asks ? inputs[0] : backend.noise([4, 4])).view
          }
          for _ in 0..<2 { _ = repeated([x]) }
        }
      }
    }
  }
}
