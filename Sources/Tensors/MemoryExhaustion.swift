import Synchronization

/// What happens when the system gives no memory for a result.
///
/// Operations cannot throw: every line of arithmetic would have to say `try` for a case in which
/// nothing but ending is left to do. So the program ends, in the way it has settled here.
public enum MemoryExhaustion {
  private static let handler = Mutex<(@Sendable (_ bytes: Int) -> Never)?>(nil)

  /// Settles how the program ends. Without this it is a fatal error.
  ///
  /// - Parameter end: gets the bytes that were asked for. It must not ask for memory itself.
  public static func handle(by end: @escaping @Sendable (_ bytes: Int) -> Never) {
    handler.withLock { $0 = end }
  }

  /// Ends the program, for want of so many bytes.
  public static func end(bytes: Int) -> Never {
    if let end = handler.withLock({ $0 }) { end(bytes) }
    fatalError("out of memory: \(bytes) bytes")
  }
}
