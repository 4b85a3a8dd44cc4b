import CPUBackend
import Foundation
import Synchronization
import Testing

@testable import FoleyKit

@Suite struct ByteCountTests {
  @Test(arguments: [
    ("1", 1), ("512", 512), ("8G", 8 << 30), ("8g", 8 << 30), ("8 GB", 8 << 30),
    ("8GiB", 8 << 30), ("1.5k", 1536), ("6500M", 6500 << 20), ("1T", 1 << 40), ("300b", 300),
  ]) func reads(text: String, bytes: Int) {
    #expect(ByteCount(argument: text)?.bytes == bytes)
  }

  @Test(arguments: ["", "G", "-1G", "8X", "8Gx", "1e3", "0", "NaN", "inf", "9999999999T", "1.2.3"])
  func refuses(text: String) {
    #expect(ByteCount(argument: text) == nil)
  }

  @Test func writes() {
    #expect(ByteCount(300).description == "300 bytes")
    #expect(ByteCount(3 << 29).description == "1.5 GiB")
    let count = ByteCount((5 << 30) + 1)
    #expect(ByteCount(argument: count.argument)!.bytes >= count.bytes, "enough, when read again")
  }
}

@Suite struct StageTests {
  /// Stages of 100 MiB that note when they are read.
  private final class Reads: Sendable {
    let names = Mutex<[String]>([])
    func stage(_ name: String, _ memory: MemoryBudget, work: Int = 0) throws -> Stage<Int> {
      let resources = ModelResources(
        backend: try CPUBackend(threads: 1), threads: 1, memory: memory)
      return try Stage(name, weights: 100 << 20, work: work, resources) { [self] in
        names.withLock {
          $0.append(name)
          return $0.count
        }
      }
    }
    var all: [String] { names.withLock { $0 } }
  }

  private func budget(_ stages: Int) -> MemoryBudget {
    MemoryBudget(bytes: MemoryBudget.reserve + stages * 100 << 20)
  }

  @Test func staysWhereThereIsRoom() throws {
    let (memory, reads) = (budget(2), Reads())
    let (a, b) = (try reads.stage("a", memory), try reads.stage("b", memory))
    for _ in 0..<3 { _ = (try a(), try b()) }
    #expect(reads.all == ["a", "b"])
    #expect(memory.names == ["a", "b"])
  }

  @Test func whatWasUsedLongestAgoMakesRoom() throws {
    let (memory, reads) = (budget(2), Reads())
    let stages = try ["a", "b", "c"].map { try reads.stage($0, memory) }
    _ = (try stages[0](), try stages[1](), try stages[0](), try stages[2]())
    #expect(memory.names == ["a", "c"])
    #expect(stages.map(\.isInMemory) == [true, false, true])
    _ = try stages[1]()
    #expect(reads.all == ["a", "b", "c", "b"])
    #expect(memory.names == ["c", "b"])
  }

  @Test func workNeedsRoomToo() throws {
    let (memory, reads) = (budget(3), Reads())
    let (a, b) = (try reads.stage("a", memory), try reads.stage("b", memory, work: 150 << 20))
    _ = (try a(), try b())
    #expect(!a.isInMemory && b.isInMemory)
  }

  @Test func releasedMeansReadAgain() throws {
    let (memory, reads) = (budget(1), Reads())
    let a = try reads.stage("a", memory)
    _ = try a()
    a.release()
    #expect(!a.isInMemory && memory.names.isEmpty)
    _ = try a()
    #expect(reads.all == ["a", "a"])
  }

  @Test func tooLittleIsToldBeforeAnythingIsRead() throws {
    let memory = MemoryBudget(bytes: 800 << 20)
    let error = try #require(throws: FoleyError.self) {
      try Reads().stage("transformer", memory, work: 50 << 20)
    }
    let needed = MemoryBudget.reserve + 150 << 20
    #expect(
      error
        == .memory(
          network: "transformer", needed: needed, available: 800 << 20, .option("--ram-budget")))
    #expect(error.description.contains("--ram-budget 918M"))
    // What the message asks for is enough.
    _ = try Reads().stage(
      "transformer", MemoryBudget(bytes: ByteCount(argument: "918M")?.bytes), work: 50 << 20)
  }

  struct Broken: Error {}

  @Test func aNetworkThatCannotBeReadTakesNoRoom() throws {
    let memory = budget(1)
    let resources = ModelResources(backend: try CPUBackend(threads: 1), threads: 1, memory: memory)
    let stage = try Stage<Int>("a", weights: 1, work: 0, resources) { throw Broken() }
    #expect(throws: Broken.self) { try stage() }
    #expect(memory.names.isEmpty)
  }

  @Test func theMachineSaysWhatItHas() {
    #expect(MachineMemory.available > 64 << 20)
    #expect(ProcessMeasure.peakMemory > 1 << 20)
  }
}
