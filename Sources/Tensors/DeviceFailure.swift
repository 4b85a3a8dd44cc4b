import Foundation
import Synchronization

/// What happens when a device fails in the middle of an operation.
///
/// Operations cannot throw (see `MemoryExhaustion`), and with a device that has failed no later one can succeed.
/// So the program ends, in the way it has settled here.
public enum DeviceFailure {
  private static let handler = Mutex<(@Sendable (String, _ isTemporary: Bool) -> Never)?>(nil)

  /// Settles how the program ends. Without this it is a fatal error.
  ///
  /// - Parameter end: gets what to say, and whether the same may go well another time.
  public static func handle(
    by end: @escaping @Sendable (_ message: String, _ isTemporary: Bool) -> Never
  ) {
    handler.withLock { $0 = end }
  }

  /// Whoever waits for this thread, where its failures are contained.
  @TaskLocal private static var waiting: DispatchSemaphore?

  /// Calls `body` on a thread of its own; nil where a device fails in it. Then only that thread has ended: it stays
  /// where it is, for nobody knows what it holds, and so does the device it has spoilt, until the program ends.
  public static func contained<Result: Sendable>(
    _ body: @escaping @Sendable () -> Result
  ) -> Result? {
    let result = Shared<Result>()
    let settled = DispatchSemaphore(value: 0)
    Thread {
      $waiting.withValue(settled) {
        let found = body()
        result.value.withLock { $0 = found }
      }
      settled.signal()
    }.start()
    settled.wait()
    return result.value.withLock { $0 }
  }

  /// Ends the program.
  public static func end(_ message: String, isTemporary: Bool) -> Never {
    if let waiting {
      waiting.signal()
      while true { sleep(.max) }
    }
    if let end = handler.withLock({ $0 }) { end(message, isTemporary) }
    fatalError(message)
  }

  private final class Shared<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
  }
}
