import Foundation
import TestSupport
import Testing

@testable import CUDADevice

/// A run that uses everything, broken off at every call of the driver: each time with an error, never with a crash,
/// and with everything given back.
struct FailureTests {
  private func scenario(_ library: String) throws {
    let driver = try CUDADriver(library: library)
    let context = try CUDAContext(driver, driver.gpus()[0])
    let stream = try CUDAStream(context)
    let kernel = try CUDAModule(context, [TestCode.machine(9, 0), TestCode.ptx]).kernel("scale")
    let pool = DevicePool(stream, limit: 1 << 20)
    let ring = try PinnedRing(context, pieces: 2, pieceBytes: 1000)
    let input = try pool.take(2500)
    try randomBytes(2500).withUnsafeBytes { try ring.upload($0, to: input.address, on: stream) }
    let graph = try CUDAGraph(capturing: pool) { () throws(CUDAError) in
      let between = try pool.take(2500)
      try stream.copy(input.address, to: between.address, bytes: 2500)
      try kernel.launch(
        between.address, grid: Extent(1), block: Extent(32), sharedBytes: 60 << 10, on: stream)
    }
    try graph.launch()
    let other = try CUDAStream(context)
    let event = try CUDAEvent(context, measuresTime: true)
    try event.record(on: stream)
    try other.wait(for: event)
    _ = try event.isDone()
    try event.synchronize()
    _ = try event.milliseconds(since: event)
    // More than the limit leaves room for, until what is kept is trimmed.
    for _ in 0..<2 { _ = try pool.take(600_000) }
    _ = try pool.take(700_000)
    try stream.fill(input.address, bytes: 4)
    try stream.fill(input.address, words: 1, with: 1)
    var back = [UInt8](repeating: 0, count: 2500)
    try back.withUnsafeMutableBytes { try ring.download(input.address, to: $0, on: stream) }
    _ = try context.memory()
    try context.synchronize()
  }

  @Test(arguments: ["", "late"], [2, 700, 999]) func everyCall(_ words: String, _ code: Int) throws
  {
    try withFolder { folder in
      let mock = try MockDriver(in: folder, words)
      try scenario(mock.path)
      let whole = try mock.report()
      #expect(whole.faults == [])
      #expect(whole.calls > 100)

      var messages: Set<String> = []
      var survived = 0
      for call in 1...whole.calls {
        try mock.configure("\(words);fail=\(call):\(code)")
        do {
          try scenario(mock.path)
          survived += 1
        } catch let error as CUDAError {
          messages.insert("\(error)")
        }
        let report = try mock.report()
        #expect(report.faults == [], "call \(call)")
      }
      // Giving back fails unheard, and memory is asked for twice; everything else is told.
      #expect(survived < whole.calls / 3, "\(survived) of \(whole.calls)")
      #expect(messages.count > 10 && !messages.contains { $0.isEmpty })
    }
  }

  /// Every function that is used fails for good.
  @Test func everyFunction() throws {
    try withFolder { folder in
      let mock = try MockDriver(in: folder)
      try scenario(mock.path)
      let functions = try mock.report().functions.keys.sorted()
      #expect(functions.count > 35)
      for function in functions {
        try mock.configure("fail=\(function)#0:999")
        do { try scenario(mock.path) } catch is CUDAError {}
        let report = try mock.report()
        #expect(report.faults == [], "\(function)")
      }
    }
  }
}
