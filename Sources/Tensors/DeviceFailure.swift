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

  /// Ends the program.
  public static func end(_ message: String, isTemporary: Bool) -> Never {
    if let end = handler.withLock({ $0 }) { end(message, isTemporary) }
    fatalError(message)
  }
}
