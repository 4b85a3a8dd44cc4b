import Foundation
import Synchronization

/// What SIGINT, SIGTERM and SIGHUP do: unfinished files are removed, and the program ends with 128 plus
/// the signal's number. Finished files only ever get their name in one step, so none is half written.
enum Interruption {
  private static let unfinished = Mutex<Set<String>>([])

  /// Takes the signals over. Must run before any other thread is made, for they inherit the mask.
  static func watch() {
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let awaited = signals
    Thread.detachNewThread {
      var awaited = awaited
      var signal: Int32 = 0
      while sigwait(&awaited, &signal) != 0 {}
      // Held until the end, so that nothing more is registered or finished.
      unfinished.withLock { files in
        for file in files { unlink(file) }
        let name = signal == SIGINT ? "interrupted" : "ended by a signal"
        Terminal.error("\nfoley: \(name); unfinished files were removed\n")
        _exit(128 + signal)
      }
    }
  }

  /// Runs work that writes files under preliminary names, which a signal removes.
  static func removing<Result>(
    _ files: [String], during work: () throws -> Result
  ) rethrows -> Result {
    unfinished.withLock { $0.formUnion(files) }
    defer { unfinished.withLock { $0.subtract(files) } }
    return try work()
  }
}
