import FoleyKit
import Foundation
import Synchronization

/// A worker process with its two pipes. Used by one thread.
final class WorkerProcess {
  enum Reception {
    case line(Data)
    /// It is gone: the status of `waitpid`.
    case ended(Int32)
    case timedOut
  }

  let identifier: pid_t
  private var input: Int32
  private let output: Int32
  private var received = Data()
  private var status: Int32?

  /// Starts this program once more.
  ///
  /// - Throws: where no process or pipe is to be had.
  init(_ arguments: [String]) throws(FoleyError) {
    let starting = WorkerProcess.starting.withLock { _ in WorkerProcess.start(arguments) }
    (identifier, input, output) = try starting.get()
  }

  /// Held while a process is started: another one must not inherit its pipes, or their ends would never be told.
  private static let starting = Mutex<Void>(())

  private typealias Started = (identifier: pid_t, input: Int32, output: Int32)

  private static func start(_ arguments: [String]) -> Result<Started, FoleyError> {
    var (down, up): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
    guard pipe(&down) == 0 else { return .failure(failure(errno)) }
    guard pipe(&up) == 0 else {
      defer { for end in down { close(end) } }
      return .failure(failure(errno))
    }
    for end in down + up { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, down[0], STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, up[1], STDOUT_FILENO)
    var words = (["foley"] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process = pid_t()
    // The running program itself, even if its file has been replaced meanwhile.
    let failed = posix_spawn(&process, "/proc/self/exe", &actions, nil, &words, environ)
    close(down[0])
    close(up[1])
    guard failed == 0 else {
      close(down[1])
      close(up[0])
      return .failure(failure(failed))
    }
    return .success((process, down[1], up[0]))
  }

  deinit {
    end(within: 0)
    close(output)
  }

  private static func failure(_ number: Int32) -> FoleyError {
    .cannotCreate(file: "a worker process", reason: String(cString: strerror(number)))
  }

  /// A failure shows in what is received: the process is gone.
  func send(_ line: String) {
    let bytes = Data((line + "\n").utf8)
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes {
        write(input, $0.baseAddress! + offset, $0.count - offset)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      offset += count
    }
  }

  /// The next line it writes.
  ///
  /// - Parameter deadline: nil: however long it takes.
  func receive(until deadline: ContinuousClock.Instant?) -> Reception {
    while true {
      if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
        let line = Data(received[..<end])
        received = Data(received[(end + 1)...])
        return .line(line)
      }
      var milliseconds: Int32 = -1
      if let deadline {
        let left = BatchClock.seconds(from: .now, to: deadline)
        guard left > 0 else { return .timedOut }
        milliseconds = Int32(min(left * 1000 + 1, 1e6))
      }
      var waiting = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, milliseconds) > 0 else { continue }
      var piece = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(output, &piece, piece.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return .ended(end(within: 5)) }
      received.append(contentsOf: piece[..<count])
    }
  }

  /// Closes its input, upon which it ends, and kills it if it has not done so after so many seconds.
  ///
  /// - Returns: its status as `waitpid` tells it.
  @discardableResult func end(within seconds: Double) -> Int32 {
    if let status { return status }
    if input >= 0 { close(input) }
    input = -1
    let deadline = ContinuousClock.now + .seconds(seconds)
    var found: Int32 = 0
    while waitpid(identifier, &found, WNOHANG) == 0 {
      if ContinuousClock.now >= deadline {
        kill(identifier, SIGKILL)
        while waitpid(identifier, &found, 0) < 0 && errno == EINTR {}
        break
      }
      usleep(2000)
    }
    status = found
    return found
  }
}

/// Times of a batch.
enum BatchClock {
  static func seconds(since began: ContinuousClock.Instant) -> Double {
    seconds(from: began, to: .now)
  }

  static func seconds(
    from began: ContinuousClock.Instant, to ended: ContinuousClock.Instant
  ) -> Double {
    let duration = (ended - began).components
    return Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
  }
}
