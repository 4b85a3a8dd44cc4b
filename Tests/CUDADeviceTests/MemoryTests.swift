import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CUDADevice

/// Memory of a GPU: how it is shared out, and what happens when it ends.
struct MemoryTests {
  @Test(arguments: [
    (0, 512), (1, 512), (513, 1024), (4096, 4096), (4097, 4608), (5000, 5120), (1 << 20, 1 << 20),
    ((1 << 20) + 1, (1 << 20) + (1 << 17)),
  ]) func sizes(_ size: Int, _ capacity: Int) {
    #expect(DevicePool.capacity(size, .passing) == capacity)
    #expect(DevicePool.capacity(size, .lasting) == (max(size, 1) + 511) / 512 * 512)
  }

  @Test func blocksAreUsedAgain() throws {
    try withStream { stream, mock in
      let pool = DevicePool(stream)
      var first: DeviceBlock? = try pool.take(100_000)
      let address = first!.address
      #expect(address % 256 == 0 && first!.size == 100_000)
      let other = try pool.take(100_000)
      #expect(other.address != address)
      first = nil
      // Almost the same size.
      let second = try pool.take(99_000)
      #expect(second.address == address)
      #expect(pool.figures.allocations == 2)
      #expect(try mock.report().functions["cuMemAlloc"] == 2)
      withExtendedLifetime((other, second)) {}
    }
  }

  @Test func figures() throws {
    try withStream { stream, mock in
      let pool = DevicePool(stream)
      var blocks = try [1 << 20, 1 << 20, 1 << 21].map { try pool.take($0) }
      #expect(pool.figures.taken == 4 << 20 && pool.figures.kept == 0)
      blocks.removeLast()
      #expect(pool.figures.taken == 2 << 20 && pool.figures.kept == 2 << 20)
      pool.trim()
      #expect(pool.figures.held == 2 << 20 && pool.figures.peak == 4 << 20)
      #expect(try mock.report().functions["cuMemFree"] == 1)
      #expect(try mock.report().peakBytes == 4 << 20)
    }
  }

  @Test func outOfMemory() throws {
    try withStream("device=GPU|8.0|100|10") { stream, _ in
      let pool = DevicePool(stream)
      let block = try pool.take(6 << 20)
      let error = #expect(throws: CUDAError.self) { try pool.take(5 << 20) }
      #expect(error == .outOfMemory(wanted: 5 << 20, free: 4 << 20, total: 100 << 20))
      #expect(
        "\(error!)"
          == "out of GPU memory: 5.0 MiB more could not be had, with 4.0 MiB of 100.0 MiB free")
      #expect(error!.isTemporary)
      #expect(pool.figures.taken == 6 << 20)
      withExtendedLifetime(block) {}
    }
  }

  /// What is kept for later gives way to what is wanted now.
  @Test func trimsBeforeItGivesUp() throws {
    try withStream("device=GPU|8.0|100|10") { stream, mock in
      let pool = DevicePool(stream)
      _ = try pool.take(6 << 20)
      #expect(pool.figures.kept == 6 << 20)
      let block = try pool.take(8 << 20)
      #expect(pool.figures.taken == 8 << 20 && pool.figures.kept == 0)
      #expect(try mock.report().functions["cuMemAlloc"] == 3)
      withExtendedLifetime(block) {}
    }
  }

  @Test func limit() throws {
    try withStream { stream, _ in
      let pool = DevicePool(stream, limit: 10 << 20)
      let block = try pool.take(6 << 20)
      _ = try pool.take(4 << 20)
      // Fits once the last one is trimmed.
      let second = try pool.take(3 << 20)
      let error = #expect(throws: CUDAError.self) { try pool.take(2 << 20) }
      #expect(error == .overLimit(wanted: 2 << 20, used: 9 << 20, limit: 10 << 20))
      #expect(
        "\(error!)"
          == "out of GPU memory: 2.0 MiB more would exceed the limit of 10.0 MiB, of which 9.0 MiB are in use"
      )
      withExtendedLifetime((block, second)) {}
    }
  }

  /// Work that is under way goes on using memory that was given back; it must not be freed before it is done.
  @Test func trimWaits() throws {
    try withStream("late") { stream, _ in
      let pool = DevicePool(stream)
      for _ in 0..<3 {
        let block = try pool.take(1 << 20)
        try stream.fill(block.address, bytes: 1 << 20, with: 1)
      }
      pool.trim()
      #expect(pool.figures.held == 0)
    }
  }

  @Test func fromManyThreads() throws {
    try withStream { stream, _ in
      let pool = DevicePool(stream)
      DispatchQueue.concurrentPerform(iterations: 8) { number in
        for round in 0..<50 {
          do {
            let block = try pool.take(1000 * (1 + (number + round) % 7))
            try stream.fill(block.address, bytes: block.size, with: UInt8(number))
          } catch {
            Issue.record(error)
          }
        }
      }
      #expect(pool.figures.taken == 0)
    }
  }
}

/// Copies through pinned memory.
struct PinnedRingTests {
  @Test(arguments: ["", "late"]) func thereAndBack(_ words: String) throws {
    try withStream(words) { stream, _ in
      let ring = try PinnedRing(stream.context, pieces: 3, pieceBytes: 1000)
      let pool = DevicePool(stream)
      for size in [0, 1, 999, 1000, 1001, 3000, 3001, 12_345] {
        let block = try pool.take(size)
        var source = randomBytes(size, seed: UInt64(size))
        let sent = source
        try source.withUnsafeBytes { try ring.upload($0, to: block.address, on: stream) }
        // The caller's memory is free again.
        source = [UInt8](repeating: 0, count: size)
        var back = [UInt8](repeating: 1, count: size)
        try back.withUnsafeMutableBytes { try ring.download(block.address, to: $0, on: stream) }
        #expect(back == sent, "\(size) bytes")
      }
    }
  }

  @Test func noPinnedMemory() throws {
    try withStream("fail=cuMemHostAlloc#3:2") { stream, _ in
      let error = #expect(throws: CUDAError.self) {
        try PinnedRing(stream.context, pieces: 4, pieceBytes: 2 << 20)
      }
      #expect(
        "\(error!)" == "out of memory: 2.0 MiB for copies to the GPU could not be had")
    }
  }

  /// A copy is under way whose end nothing tells: its memory must not go before it is done.
  @Test(arguments: ["fail=cuEventRecord#2:999", "fail=cuEventSynchronize#1:999"])
  func brokenCopies(_ words: String) throws {
    try withStream("late;" + words) { stream, _ in
      let block = try DevicePool(stream).take(5000)
      let ring = try PinnedRing(stream.context, pieces: 2, pieceBytes: 1000)
      #expect(throws: CUDAError.self) {
        try randomBytes(5000).withUnsafeBytes {
          try ring.upload($0, to: block.address, on: stream)
        }
      }
    }
  }
}
