import Glibc

/// A thread could not be made: the system's limit on threads, or on memory, is reached.
public struct ThreadError: Error, Equatable, CustomStringConvertible {
  /// The `errno`.
  public let number: Int32

  public var description: String {
    "no further thread can be started: \(String(cString: strerror(number)))"
  }
}

/// Runs `body` on a thread of its own, which ends with it.
///
/// Foundation's `Thread` says nothing where none can be made, and whoever waits for it waits for ever.
///
/// - Throws: where no thread can be made; `body` is then never run.
public func detachThread(_ body: @escaping @Sendable () -> Void) throws(ThreadError) {
  let work = Unmanaged.passRetained(Work(body))
  var thread = pthread_t()
  let failure = pthread_create(
    &thread, nil,
    { context in
      Unmanaged<Work>.fromOpaque(context!).takeRetainedValue().body()
      return nil
    }, work.toOpaque())
  guard failure == 0 else {
    work.release()
    throw ThreadError(number: failure)
  }
  pthread_detach(thread)
}

private final class Work: Sendable {
  let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
