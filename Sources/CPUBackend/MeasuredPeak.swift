import CKernels
import Glibc
import Synchronization
import Tensors

extension CPUBackend {
  /// Operations per second that all threads together do in registers, where no memory holds them up: the most
  /// that any kernel could reach. Takes about a third of a second. Each thread is measured by its own processor
  /// time, so that other programs on the machine do not count.
  public func measuredPeak(_ precision: ProductPrecision) -> Double {
    let (kernels, integers) = (kernels.pointee, integers.pointee)
    let operations = precision == .float ? kernels.peakOperations : integers.peakOperations
    func run(_ rounds: Int) -> Double {
      let before = ThreadTime.seconds
      switch precision {
      case .float: _ = kernels.peak(rounds)
      case .int8: _ = integers.peak(rounds)
      }
      return Double(operations * rounds) / max(1e-9, ThreadTime.seconds - before)
    }
    // About 10 ms each, on all threads at once: processors slow down when all of them work.
    let rounds = max(1000, Int(0.01 * run(100_000) / Double(operations)))
    let best = Mutex([Double](repeating: 0, count: threads.count))
    for _ in 0..<30 {
      threads.run(threads.count) { _, worker in
        let speed = run(rounds)
        best.withLock { $0[worker] = max($0[worker], speed) }
      }
    }
    let measured = best.withLock { $0 }.filter { $0 > 0 }
    // A thread that never got a turn is taken to be like the others.
    return measured.reduce(0, +) / Double(measured.count) * Double(threads.count)
  }
}

/// Processor time of the calling thread.
private enum ThreadTime {
  static var seconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }
}
