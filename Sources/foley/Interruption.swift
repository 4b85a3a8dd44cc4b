import CProcess
import Foundation
import Synchronization
import Tensors
import Threads

/// What is done when the program is ended before it is finished: by SIGINT, SIGTERM or SIGHUP (exit code
/// 128 plus the signal's number), for want of memory (75), or by a crash. Unfinished files are removed;
/// finished ones only ever get their name in one step, so none is half written. A run that can be resumed ends at
/// its next good place, unless a second signal comes.
enum Interruption {
  /// Held by whoever changes the list of unfinished files, and by a signal until the program's end.
  private static let change = Mutex<Void>(())

  /// The signal that asked for the end, for runs that look.
  static var requested: Int32? {
    let signal = asked.load(ordering: .acquiring)
    return signal == 0 ? nil : signal
  }
  private static let asked = Atomic<Int32>(0)
  private static let isWatched = Atomic<Bool>(false)

  /// Whether the work under way looks at `requested` now and then, and so ends by itself.
  static func endsByItself(_ does: Bool) { isWatched.store(does, ordering: .releasing) }

  /// Takes over signals, crashes and the end of memory. Must run before any other thread is made, for they
  /// inherit the mask.
  static func watch() throws(ThreadError) {
    process_watch_crashes()
    MemoryExhaustion.handle { process_end_out_of_memory($0) }
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let awaited = signals
    try detachThread {
      var awaited = awaited
      var signal: Int32 = 0
      while sigwait(&awaited, &signal) != 0 {}
      if isWatched.load(ordering: .acquiring) {
        asked.store(signal, ordering: .releasing)
        Terminal.error("\nfoley: ending after this window; a second signal ends at once\n")
        while sigwait(&awaited, &signal) != 0 {}
      }
      change.withLock { _ in
        process_remove_unfinished()
        let name = signal == SIGINT ? "interrupted" : "ended by a signal"
        Terminal.error("\nfoley: \(name); unfinished files were removed\n")
        _exit(128 + signal)
      }
    }
  }

  /// Runs work that writes files under preliminary names, which are removed should it not come to its end.
  static func removing<Result>(
    _ files: [String], during work: () throws -> Result
  ) rethrows -> Result {
    change.withLock { _ in
      for file in files where process_add_unfinished(file) != 0 { process_end_out_of_memory(0) }
    }
    defer { change.withLock { _ in for file in files { process_drop_unfinished(file) } } }
    return try work()
  }
}
