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

  private static let isLeftToOthers = Atomic<Bool>(false)
  private static let goodPlace = Mutex("this window")
  private static let told = Mutex<(@Sendable ([String]) -> Void)?>(nil)

  /// Whether the work under way looks at `requested` now and then, and so ends by itself.
  ///
  /// - Parameter place: where it does, for the person.
  static func endsByItself(_ does: Bool, after place: String = "this window") {
    goodPlace.withLock { $0 = place }
    isWatched.store(does, ordering: .releasing)
  }

  /// Signals mean nothing to this process from here on, for another one looks after it: a terminal sends them to
  /// both. That one is told which files are to be removed should this process be killed.
  static func leaveToOthers(telling: @escaping @Sendable ([String]) -> Void) {
    told.withLock { $0 = telling }
    isLeftToOthers.store(true, ordering: .releasing)
  }

  /// Removes unfinished files and ends the process; nobody waits for what it does.
  static func abandon() -> Never {
    change.withLock { _ in
      process_remove_unfinished()
      _exit(128 + SIGTERM)
    }
  }

  /// Takes over signals, crashes and the end of memory. Must run before any other thread is made, for they
  /// inherit the mask.
  static func watch() throws(ThreadError) {
    process_watch_crashes()
    MemoryExhaustion.handle { process_end_out_of_memory($0) }
    DeviceFailure.handle { message, isTemporary in
      let status: ExitStatus = isTemporary ? .temporary : .internalError
      process_end(message, status.rawValue)
    }
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let awaited = signals
    try detachThread {
      var awaited = awaited
      var signal: Int32 = 0
      repeat {
        while sigwait(&awaited, &signal) != 0 {}
      } while isLeftToOthers.load(ordering: .acquiring)
      if isWatched.load(ordering: .acquiring) {
        asked.store(signal, ordering: .releasing)
        Terminal.error(
          "\nfoley: ending after \(goodPlace.withLock { $0 }); a second signal ends at once\n")
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
    told.withLock { $0 }?(files)
    change.withLock { _ in
      for file in files where process_add_unfinished(file) != 0 { process_end_out_of_memory(0) }
    }
    defer { change.withLock { _ in for file in files { process_drop_unfinished(file) } } }
    return try work()
  }
}
