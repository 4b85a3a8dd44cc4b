import Checkpoints
import Foundation
import TestSupport
import Testing

/// Files damaged at random: they open or are refused, and nothing else happens.
@Suite struct RobustnessTests {
  /// In a process of its own, so that a crash is one failed test and memory is this test's alone.
  @Test func tenThousandDamagedFiles() async throws {
    let result = try #require(
      await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
        var mutator = Mutator(seed: 2026)
        var samples = SampleCheckpoints.all
        if let valid = MalformedFileTests.folder?.appendingPathComponent("valid") {
          for file in ["nested.pth", "strided_and_shared.pth", "small.safetensors"] {
            samples.append([UInt8](try Data(contentsOf: valid.appendingPathComponent(file))))
          }
        }
        for sample in samples {
          #expect(sample.withUnsafeBytes(exerciseCheckpoint), "a good file is refused")
        }
        let before = RobustnessTests.peakMemory()
        let start = ContinuousClock.now
        var (opened, largest) = (0, 0)
        for index in 0..<10_000 {
          let donor = samples[mutator.number(0..<samples.count)]
          let file: [UInt8]
          if index.isMultiple(of: 2) {
            file = mutator.mutate(samples[mutator.number(0..<samples.count)], donor: donor)
          } else {
            // Under a checksum that fits, so that damage gets as far as the pickle machine.
            var archive = SampleCheckpoints.pyTorch(protocol: [2, 4][mutator.number(0..<2)])
            archive.pickle = mutator.mutate(archive.pickle, donor: archive.pickle)
            file = archive.bytes()
          }
          largest = max(largest, file.count)
          if file.withUnsafeBytes(exerciseCheckpoint) { opened += 1 }
        }
        let growth = RobustnessTests.peakMemory() - before
        print(
          "\(opened) of 10,000 damaged files opened, \(growth >> 20) MiB, "
            + "\(ContinuousClock.now - start)")
        // The largest tensor that is allowed, and what the allocator keeps.
        #expect(growth < largest + PyTorchFile.allowance + 64 << 20, "\(growth) bytes were used")
        #expect((200..<9_800).contains(opened), "\(opened) opened: the damage is of one kind")
      })
    print("robustness: " + String(decoding: result.standardOutputContent, as: UTF8.self))
  }

  /// Most memory this process has used, in bytes.
  static func peakMemory() -> Int {
    var usage = rusage()
    precondition(getrusage(0, &usage) == 0)  // RUSAGE_SELF
    return usage.ru_maxrss * 1024
  }
}
