import Foundation
import Testing

@testable import FoleyKit

@Suite struct WindowPlanTests {
  @Test(arguments: [
    (1, 1, 1), (960, 1, 1), (961, 2, 1), (8 * 48_000, 400, 1), (8 * 48_000 + 1, 401, 2),
    (14 * 48_000, 700, 2), (14 * 48_000 + 1, 701, 3), (180 * 48_000, 9000, 30),
  ]) func counts(samples: Int, latents: Int, windows: Int) {
    let plan = WindowPlan(samples: samples)
    #expect(plan.latents == latents)
    #expect(plan.count == windows)
  }
}

@Suite struct LastWindowTests {
  /// The embedded model's.
  private static let coarse = LastWindow(granularity: 16, shortest: 128)

  /// Latents wanted, and those computed for them.
  @Test(arguments: [(1, 128), (128, 128), (129, 144), (150, 160), (400, 400)])
  func isNoLongerThanNeeded(wanted: Int, length: Int) {
    #expect(Self.coarse.latents(holding: wanted) == length)
  }

  /// To a picture of 25 a second.
  @Test(arguments: [(1, 2), (129, 130), (400, 400), (150, 150)])
  func canBeExact(wanted: Int, length: Int) {
    #expect(LastWindow(granularity: 2, shortest: 2).latents(holding: wanted) == length)
  }

  @Test func holdsWhatIsWanted() {
    for wanted in 1...WindowPlan.latentsPerWindow {
      let length = Self.coarse.latents(holding: wanted)
      #expect(length >= wanted && length <= WindowPlan.latentsPerWindow)
      #expect(length % Self.coarse.granularity == 0 && length >= Continuation.weights.count)
    }
  }

  /// As in training: a visual token for each half second begun, and what is heard in the middle of it.
  @Test func contentOfAShortWindow() {
    let rows = (0..<5).flatMap { [Float](repeating: Float($0), count: 384) }
    let content = MiniContent(rows, rate: 2, frames: 64)
    let tokens = content.visual(rate: 2)
    #expect(tokens.count == 6 * 384)
    #expect(stride(from: 0, to: tokens.count, by: 384).map { tokens[$0] } == [0, 1, 2, 3, 4, 4])
    #expect(content.sync(with: [Float](repeating: 0, count: 64 * 8)).count == 64 * 392)
  }
}

@Suite struct ContinuationTests {
  @Test func takesOverTheEnd() {
    let window = (0..<WindowPlan.latentsPerWindow * 2).map { Float($0) }
    let continuation = Continuation(after: window, channels: 2)
    #expect(continuation.latents.count == 100 * 2)
    #expect(continuation.latents.first == Float(WindowPlan.latentsPerHop * 2))
    #expect(continuation.latents.last == window.last)
  }

  @Test func holdsASecondThenFades() {
    let weights = Continuation.weights
    #expect(weights.count == 100)
    #expect(weights[..<50].allSatisfy { $0 == 1 })
    #expect(zip(weights[50...], weights[51...]).allSatisfy { $0 > $1 })
    #expect(weights[50] < 1 && weights[99] > 0)
  }
}

@Suite struct BoundedQueueTests {
  struct Failure: Error {}

  @Test func keepsOrderAndEnds() throws {
    let queue = BoundedQueue<Int>(capacity: 2)
    let maker = onThread {
      for number in 0..<100 { #expect(queue.put(number)) }
      queue.finish(.success(()))
    }
    var numbers: [Int] = []
    while let number = try queue.next() { numbers.append(number) }
    maker.wait()
    #expect(numbers == Array(0..<100))
  }

  @Test func failureComesAfterWhatWasMade() throws {
    let queue = BoundedQueue<Int>(capacity: 2)
    #expect(queue.put(1))
    queue.finish(.failure(Failure()))
    #expect(try queue.next() == 1)
    #expect(throws: Failure.self) { try queue.next() }
  }

  @Test func abandonedMakerStops() {
    let queue = BoundedQueue<Int>(capacity: 1)
    let full = DispatchSemaphore(value: 0)
    let maker = onThread {
      #expect(queue.put(1))
      full.signal()
      #expect(!queue.put(2), "waits for room until nobody wants more")
    }
    full.wait()
    queue.abandon()
    maker.wait()
  }
}
