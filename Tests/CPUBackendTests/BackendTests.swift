import Foundation
import Synchronization
import Tensors
import TestSupport
import Testing
import Threads

@testable import CPUBackend

@Suite struct BackendTests {
  @Test func names() throws {
    let one = try CPUBackend(threads: 1, level: .baseline)
    #expect(one.name == "cpu (baseline, 1 thread)")
    for level in SIMDLevel.allCases where level.isSupported {
      #expect(try CPUBackend(threads: 2, level: level).name == "cpu (\(level), 2 threads)")
    }
  }

  @Test func unsupportedLevels() {
    for level in SIMDLevel.allCases where !level.isSupported {
      #expect(throws: CPUBackendError.unsupportedLevel(level)) {
        try CPUBackend(threads: 1, level: level)
      }
    }
    #expect(SIMDLevel.baseline.isSupported)
    #expect(SIMDLevel.best.isSupported)
  }

  @Test func environmentForcesALevel() throws {
    #expect(try SIMDLevel.preferred(in: [:]) == .best)
    #expect(try SIMDLevel.preferred(in: ["FOLEY_SIMD": ""]) == .best)
    for level in SIMDLevel.allCases {
      let environment = ["FOLEY_SIMD": level.rawValue]
      if level.isSupported {
        #expect(try SIMDLevel.preferred(in: environment) == level)
      } else {
        #expect(throws: CPUBackendError.unsupportedLevel(level)) {
          try SIMDLevel.preferred(in: environment)
        }
      }
    }
    #expect(throws: CPUBackendError.unknownLevel("sse9")) {
      try SIMDLevel.preferred(in: ["FOLEY_SIMD": "sse9"])
    }
  }

  @Test func errorsSayWhatCanBeDone() {
    #expect(
      CPUBackendError.unknownLevel("sse9").description
        == "FOLEY_SIMD is 'sse9'; it can be one of baseline, avx2, avx512")
    #expect(
      CPUBackendError.unsupportedLevel(.avx512).description
        .hasPrefix("this processor does not support AVX-512; FOLEY_SIMD can be one of baseline"))
  }

  @Test func uploadKeepsMappedBytesInPlace() {
    let backend = backends[0].threads[0]
    let host = storedHost([8, 8], .f16)
    let tensor = backend.upload(host)
    #expect((tensor.buffer as! HostBuffer).base == host.bytes.baseAddress!)
    let bytes: [UInt8] = [1, 2, 3]
    let copied = bytes.withUnsafeBytes {
      backend.upload(HostTensor(shape: [3], dtype: .u8, bytes: $0, owner: nil))
    }
    #expect(copied.floats() == [1, 2, 3])
  }

  @Test func memoryIsUsedAgainAndTrimmed() throws {
    let backend = try CPUBackend(threads: 1, level: .best)
    let first = (backend.noise([100, 100]).silu().buffer as! HostBuffer).base
    #expect(backend.keptMemory >= 40_000)
    let second = (backend.noise([100, 100]).silu().buffer as! HostBuffer).base
    #expect(first == second)
    backend.trim()
    #expect(backend.keptMemory == 0)
  }

  @Test func keptMemoryIsBounded() throws {
    let backend = try CPUBackend(threads: 1, level: .best, keptMemory: 1 << 20)
    for rows in [100, 1000, 2000, 3000, 100_000] {
      _ = backend.noise([rows, 64]).silu()
      #expect(backend.keptMemory <= 1 << 20)
    }
  }

  @Test func capacitiesWasteLittle() {
    for size in [0, 1, 64, 65, 512, 513, 4096, 4097, 100_000, 12_345_678] {
      let capacity = BufferPool.capacity(size)
      #expect(capacity >= size && capacity % 64 == 0)
      #expect(capacity <= max(size + 64, size + size / 8 + 64))
    }
  }

  @Test func everyTaskRunsOnce() {
    for count in [1, 2, 5] {
      let pool = ThreadPool(count: count)
      for tasks in [0, 1, 2, 7, 1000] {
        let runs = Mutex([Int](repeating: 0, count: tasks))
        pool.run(tasks) { task, worker in
          runs.withLock { $0[task] += worker >= 0 && worker < count ? 1 : 100 }
        }
        #expect(runs.withLock { $0.allSatisfy { $0 == 1 } })
      }
    }
  }

  @Test func workersDoNotMeet() {
    // Two calls that overlap must never have the same number.
    let pool = ThreadPool(count: 4)
    let busy = Mutex([Bool](repeating: false, count: 4))
    let meetings = Mutex(0)
    for _ in 0..<200 {
      pool.run(16) { _, worker in
        let taken = busy.withLock { busy -> Bool in
          defer { busy[worker] = true }
          return busy[worker]
        }
        if taken { meetings.withLock { $0 += 1 } }
        busy.withLock { $0[worker] = false }
      }
    }
    #expect(meetings.withLock { $0 } == 0)
  }

  @Test func severalCallersAtOnce() async {
    let backend = backends.last!.threads[1]
    let expected = backend.noise([64, 300]).linear(backend.noise([300, 300], seed: 2)).floats()
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          (0..<20).allSatisfy { _ in
            backend.noise([64, 300]).linear(backend.noise([300, 300], seed: 2)).floats() == expected
          }
        }
      }
      for await same in group { #expect(same) }
    }
  }
}
