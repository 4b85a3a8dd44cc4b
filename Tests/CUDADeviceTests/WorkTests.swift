import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CUDADevice

/// Streams, events, kernels and graphs.
struct StreamTests {
  @Test(arguments: ["", "late"]) func copiesAndFills(_ words: String) throws {
    try withStream(words) { stream, _ in
      let pool = DevicePool(stream)
      let (a, b) = (try pool.take(1000), try pool.take(1000))
      let sent = randomBytes(1000)
      try sent.withUnsafeBytes { try stream.copy($0, to: a.address) }
      try stream.copy(a.address, to: b.address, bytes: 1000)
      try stream.fill(a.address, bytes: 10, with: 7)
      try stream.fill(a.address + 12, words: 2, with: 0x0102_0304)
      #expect(try stream.bytes(b.address, 1000) == sent)
      let head = try stream.bytes(a.address, 24)
      var wanted = Array(sent.prefix(24))
      for place in 0..<10 { wanted[place] = 7 }
      wanted.replaceSubrange(12..<20, with: [4, 3, 2, 1, 4, 3, 2, 1])
      #expect(head == wanted)
    }
  }

  @Test func eventsOrderStreams() throws {
    try withStream("late") { stream, _ in
      let other = try CUDAStream(stream.context)
      let block = try DevicePool(stream).take(512)
      try stream.fill(block.address, bytes: 512, with: 9)
      let event = try CUDAEvent(stream.context)
      try event.record(on: stream)
      try other.wait(for: event)
      #expect(try other.bytes(block.address, 512).allSatisfy { $0 == 9 })
      #expect(try event.isDone())
      try stream.synchronize()
    }
  }

  @Test func eventsTellTime() throws {
    try withStream("late") { stream, _ in
      let block = try DevicePool(stream).take(512)
      let begin = try CUDAEvent(stream.context, measuresTime: true)
      let end = try CUDAEvent(stream.context, measuresTime: true)
      try begin.record(on: stream)
      try stream.fill(block.address, bytes: 512)
      try end.record(on: stream)
      var asked = 0
      while try !end.isDone() { asked += 1 }
      #expect(asked > 0)
      #expect(try end.milliseconds(since: begin) > 0)
    }
  }

  /// A failure names the call, its code and the driver's words.
  @Test func failures() throws {
    try withStream("fail=cuStreamSynchronize#1:700") { stream, _ in
      let error = #expect(throws: CUDAError.self) { try stream.synchronize() }
      #expect(
        "\(error!)".hasPrefix(
          "the GPU failed: cuStreamSynchronize failed: CUDA_ERROR_ILLEGAL_ADDRESS (700), an illegal "
            + "memory access was encountered. A mistake in the program"))
      #expect(!error!.isTemporary && !error!.isAbsence)
    }
  }
}

/// What the last launch got; tests that look at it run one after the other.
private let launched = Mutex<(name: String, bytes: [UInt8], numbers: [UInt32], shared: Int)?>(nil)

@Suite(.serialized) struct KernelTests {
  private struct Arguments: BitwiseCopyable {
    var address: UInt64
    var count: Int32
    var factor: Float
  }

  @Test(arguments: ["", "late"]) func launch(_ words: String) throws {
    try withStream(words) { stream, mock in
      try mock.setLaunch { name, bytes, count, grid, block, shared in
        let all = [grid!, block!].flatMap { numbers in (0..<3).map { numbers[$0] } }
        launched.withLock {
          $0 = (
            String(cString: name!), Array(UnsafeRawBufferPointer(start: bytes, count: count)), all,
            shared
          )
        }
        return 0
      }
      let module = try CUDAModule(stream.context, [TestCode.ptx])
      let kernel = try module.kernel("scale")
      var arguments = Arguments(address: 77, count: 5, factor: 0.5)
      try kernel.launch(
        arguments, grid: Extent(4, 3), block: Extent(64, 2), sharedBytes: 1024, on: stream)
      // They were copied.
      let sent = withUnsafeBytes(of: &arguments) { Array($0) }
      arguments.address = 0
      try stream.synchronize()
      let got = try #require(launched.withLock { $0 })
      #expect(got.name == "scale" && got.bytes == sent && got.shared == 1024)
      #expect(got.numbers == [4, 3, 1, 64, 2, 1])
      #expect(try mock.report().launches == ["scale": 1])
    }
  }

  @Test func limits() throws {
    try withStream("device=GPU|8.6|100|100") { stream, mock in
      let module = try CUDAModule(stream.context, [TestCode.ptx])
      let kernel = try module.kernel("narrow")
      func launch(_ grid: Extent, _ block: Extent, _ shared: Int = 0) throws {
        try kernel.launch(UInt64(0), grid: grid, block: block, sharedBytes: shared, on: stream)
      }
      #expect(kernel.blockThreads == 256)
      try launch(Extent(1 << 20, 65535, 65535), Extent(256))
      let error = #expect(throws: CUDAError.self) { try launch(Extent(1), Extent(257)) }
      #expect("\(error!)" == "narrow asks for 257 threads in a block, of which this GPU has 256")
      #expect(throws: CUDAError.self) { try launch(Extent(1, 65536), Extent(1)) }
      #expect(throws: CUDAError.self) { try launch(Extent(1, 1, 65536), Extent(1)) }
      #expect(throws: CUDAError.self) { try launch(Extent(1), Extent(1), (99 << 10) + 1) }
      // Asked for once, and for more once more.
      for shared in [48 << 10, 50 << 10, 49 << 10, 99 << 10] {
        try launch(Extent(1), Extent(1), shared)
      }
      #expect(try mock.report().functions["cuFuncSetAttribute"] == 2)
    }
  }

  @Test func unknownKernel() throws {
    try withStream { stream, _ in
      let module = try CUDAModule(stream.context, [TestCode.ptx])
      let error = #expect(throws: CUDAError.self) { try module.kernel("scal") }
      #expect("\(error!)" == "the device code has no kernel scal")
    }
  }

  @Test func nextChoice() throws {
    try withStream { stream, _ in
      let choices = [TestCode.machine(9, 0), TestCode.machine(8, 0), TestCode.ptx]
      let module = try CUDAModule(stream.context, choices)
      #expect(module.code.description == "sm_80")
    }
  }

  @Test func brokenCode() throws {
    try withStream { stream, _ in
      let error = #expect(throws: CUDAError.self) {
        try CUDAModule(stream.context, [TestCode.broken])
      }
      #expect(
        "\(error!)"
          == "the device code PTX compute_80 cannot be loaded: cuModuleLoadDataEx failed: "
          + "CUDA_ERROR_INVALID_PTX (218), a PTX JIT compilation failed\n"
          + "ptxas application ptx input, line 1; fatal   : no .version or no .target")
      let newer = #expect(throws: CUDAError.self) {
        try CUDAModule(stream.context, [TestCode.newer])
      }
      #expect("\(newer!)".contains("CUDA_ERROR_UNSUPPORTED_PTX_VERSION"))
      let other = #expect(throws: CUDAError.self) {
        try CUDAModule(stream.context, [TestCode.machine(9, 0)])
      }
      #expect("\(other!)".contains("sm_90"))
    }
  }

  /// The kernel keeps its module, the module its context.
  @Test func lifetimes() throws {
    try withDriver { driver, _ in
      var kernel: CUDAKernel?
      do {
        let context = try CUDAContext(driver, driver.gpu(numbered: 0))
        kernel = try CUDAModule(context, [TestCode.ptx]).kernel("scale")
      }
      let context = try CUDAContext(driver, driver.gpu(numbered: 0))
      let stream = try CUDAStream(context)
      try kernel?.launch(UInt64(0), grid: Extent(1), block: Extent(1), on: stream)
      try stream.synchronize()
    }
  }
}

struct GraphTests {
  @Test(arguments: ["", "late"]) func runsAgain(_ words: String) throws {
    try withStream(words) { stream, mock in
      let pool = DevicePool(stream)
      let kernel = try CUDAModule(stream.context, [TestCode.ptx]).kernel("scale")
      let (input, output) = (try pool.take(1000), try pool.take(1000))
      let graph = try CUDAGraph(capturing: pool) { () throws(CUDAError) in
        let between = try pool.take(1000)
        try pool.stream.copy(input.address, to: between.address, bytes: 1000)
        try kernel.launch(between.address, grid: Extent(1), block: Extent(32), on: pool.stream)
        try pool.stream.copy(between.address, to: output.address, bytes: 1000)
      }
      #expect(try mock.report().launches.isEmpty, "nothing runs while it is captured")
      for round in 1...3 {
        try stream.fill(input.address, bytes: 1000, with: UInt8(round))
        try graph.launch()
        #expect(try stream.bytes(output.address, 1000).allSatisfy { $0 == round })
      }
      #expect(try mock.report().launches == ["scale": 3])
    }
  }

  /// What a graph works in, nobody else gets while it is there.
  @Test func keepsItsMemory() throws {
    try withStream { stream, _ in
      let pool = DevicePool(stream)
      var outside: DeviceBlock? = try pool.take(5000)
      let outsideAddress = outside!.address
      var inside: [UInt64] = []
      var graph: CUDAGraph? = try CUDAGraph(capturing: pool) { () throws(CUDAError) in
        inside.append(try pool.take(5000).address)
        // Given back within the graph, used again within it.
        inside.append(try pool.take(5000).address)
        // What was there before may be read by it: set aside, not used again.
        outside = nil
        let third = try pool.take(5000)
        let fourth = try pool.take(5000)
        inside += [third.address, fourth.address]
        try pool.stream.fill(third.address, bytes: 5000)
      }
      #expect(inside[0] == inside[1] && inside[2] == inside[0])
      #expect(Set(inside).count == 2 && !inside.contains(outsideAddress))
      let later = try pool.take(5000)
      #expect(!inside.contains(later.address) && later.address != outsideAddress)
      pool.trim()
      try graph?.launch()
      try stream.synchronize()
      graph = nil
      // With it gone, its memory is the pool's again.
      let again = try (0..<3).map { _ in try pool.take(5000) }
      #expect(Set(again.map(\.address)) == Set(inside + [outsideAddress]))
      withExtendedLifetime((later, again)) { #expect(pool.figures.taken == 4 * 5120) }
    }
  }

  /// Memory kept from before gives way to a capture, and is not freed under work that uses it.
  @Test func makesRoom() throws {
    try withStream("late;device=GPU|8.0|100|10") { stream, _ in
      let pool = DevicePool(stream)
      var before: DeviceBlock? = try pool.take(6 << 20)
      try stream.fill(before!.address, bytes: 6 << 20)
      before = nil
      let graph = try CUDAGraph(capturing: pool) { () throws(CUDAError) in
        let block = try pool.take(8 << 20)
        try pool.stream.fill(block.address, bytes: 8 << 20)
      }
      try graph.launch()
      try stream.synchronize()
      #expect(pool.figures.held == 8 << 20)
    }
  }

  /// A result of a graph may outlive it.
  @Test func blocksOutliveTheGraph() throws {
    try withStream { stream, _ in
      let pool = DevicePool(stream)
      var result: DeviceBlock?
      var graph: CUDAGraph? = try CUDAGraph(capturing: pool) { () throws(CUDAError) in
        let block = try pool.take(100)
        try pool.stream.fill(block.address, bytes: 100, with: 3)
        result = block
      }
      try graph?.launch()
      graph = nil
      let other = try pool.take(100)
      #expect(other.address != result!.address)
      #expect(try stream.bytes(result!.address, 100).allSatisfy { $0 == 3 })
      result = nil
      #expect(pool.figures.kept == 512)
    }
  }

  @Test func failureInside() throws {
    try withStream { stream, _ in
      let pool = DevicePool(stream, limit: 1 << 20)
      let error = #expect(throws: CUDAError.self) {
        try CUDAGraph(capturing: pool) { () throws(CUDAError) in
          _ = try pool.take(1000)
          _ = try pool.take(2 << 20)
        }
      }
      guard case .overLimit = error else {
        Issue.record("\(error!)")
        return
      }
      // The stream works on.
      let block = try pool.take(1000)
      try stream.fill(block.address, bytes: 1000, with: 1)
      #expect(try stream.bytes(block.address, 1).first == 1)
      #expect(pool.figures.allocations == 1)
    }
  }

  /// Work that is not the graph's goes on meanwhile, in memory of its own.
  @Test func othersGoOn() throws {
    try withStream { stream, _ in
      let pool = DevicePool(stream)
      let outside = try pool.take(100)
      var inside: DeviceBlock?
      let graph = try CUDAGraph(capturing: pool) { () throws(CUDAError) in
        #expect(pool.isCapturing && pool.stream !== stream)
        let block = try pool.take(100)
        try pool.stream.fill(block.address, bytes: 100, with: 1)
        inside = block
        let other = Thread {
          #expect(!pool.isCapturing && pool.stream === stream)
          #expect(throws: Never.self) { try pool.stream.fill(outside.address, bytes: 100, with: 2) }
        }
        other.start()
        while !other.isFinished { usleep(1000) }
      }
      #expect(!pool.isCapturing && pool.stream === stream)
      #expect(try stream.bytes(outside.address, 100).allSatisfy { $0 == 2 })
      try stream.fill(outside.address, bytes: 100, with: 3)
      try graph.launch()
      #expect(try stream.bytes(inside!.address, 100).allSatisfy { $0 == 1 })
      #expect(try stream.bytes(outside.address, 100).allSatisfy { $0 == 3 })
    }
  }

  /// The mock takes it down as a mistake, so this is tried without the check for mistakes.
  @Test func waitingInside() throws {
    try withFolder { folder in
      let mock = try MockDriver(in: folder)
      do {
        let driver = try CUDADriver(library: mock.path)
        let stream = try CUDAStream(CUDAContext(driver, driver.gpu(numbered: 0)))
        let pool = DevicePool(stream)
        let error = #expect(throws: CUDAError.self) {
          try CUDAGraph(capturing: pool) { () throws(CUDAError) in
            try pool.stream.synchronize()
          }
        }
        #expect("\(error!)".contains("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"))
        try stream.synchronize()
      }
      #expect(try mock.report().faults == ["cuStreamSynchronize during a capture"])
    }
  }
}
