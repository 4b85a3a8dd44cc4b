import CPUBackend
import CUDABackend
import Foundation
import Tensors

/// The most operations per second the processor can do, by the numbers they are done in.
struct ProcessorPeak: Encodable {
  let floatPerSecond: Double
  let int8PerSecond: Double

  init(_ backend: CPUBackend) {
    floatPerSecond = backend.measuredPeak(.float)
    int8PerSecond = backend.measuredPeak(.int8)
  }

  /// How long the work would take if nothing held it up.
  func seconds(_ work: WorkCounter.Work) -> Double {
    Double(work.float) / floatPerSecond + Double(work.int8) / int8PerSecond
  }
}

extension Backend {
  /// Waits for what is under way on a device.
  func finish() { (self as? CUDABackend)?.synchronize() }

  /// Operations done in products so far; none where nobody counts.
  var workDone: WorkCounter.Work {
    (self as? CPUBackend)?.work.total ?? (self as? CUDABackend)?.work.total
      ?? WorkCounter.Work(float: 0, int8: 0)
  }
}

/// Measured runs of a stage.
struct Measurement {
  /// Seconds and work of a part of the whole network.
  struct Part {
    var seconds = 0.0
    /// Of all threads together.
    var processorSeconds = 0.0
    var work = WorkCounter.Work(float: 0, int8: 0)
  }

  private(set) var runs: [[String: Part]] = []
  /// Names in the order they came.
  private(set) var partNames: [String] = []

  mutating func add(_ stage: PreparedStage, index: Int, on backend: any Backend) {
    var parts: [String: Part] = [:]
    var names: [String] = []
    var (moment, processor, work) = (
      ContinuousClock.now, ProcessorTime.seconds, backend.workDone
    )
    stage.compute(index) { name in
      backend.finish()
      let (now, spent, done) = (
        ContinuousClock.now, ProcessorTime.seconds, backend.workDone
      )
      let repetitions = stage.repetitions[name] ?? 1
      var part = parts[name] ?? Part()
      part.seconds += repetitions * (now - moment).seconds
      part.processorSeconds += repetitions * (spent - processor)
      part.work.float += Int(repetitions * Double(done.float - work.float))
      part.work.int8 += Int(repetitions * Double(done.int8 - work.int8))
      parts[name] = part
      if !names.contains(name) { names.append(name) }
      (moment, processor, work) = (now, spent, done)
    }
    runs.append(parts)
    partNames = names
  }

  /// Seconds of each run.
  var seconds: [Double] { runs.map { run in run.values.reduce(0) { $0 + $1.seconds } } }

  /// Processor seconds of each run, of all threads together.
  var processorSeconds: [Double] {
    runs.map { run in run.values.reduce(0) { $0 + $1.processorSeconds } }
  }

  /// Operations of one run; the same in all.
  var work: WorkCounter.Work {
    (runs.last ?? [:]).values.reduce(into: WorkCounter.Work(float: 0, int8: 0)) {
      $0.float += $1.work.float
      $0.int8 += $1.work.int8
    }
  }

  func part(_ name: String) -> Part {
    var part = runs.last?[name] ?? Part()
    part.seconds = runs.map { $0[name]?.seconds ?? 0 }.median
    part.processorSeconds = runs.map { $0[name]?.processorSeconds ?? 0 }.median
    return part
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + 1e-18 * Double(components.attoseconds) }
}

extension [Double] {
  /// The middle value; the mean of the two middle ones of an even number.
  var median: Double {
    let sorted = sorted()
    guard !sorted.isEmpty else { return .nan }
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
  }
}

/// Processor time this process has used, all threads together.
enum ProcessorTime {
  static var seconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }
}

/// The count behind `ProcessMeasure.peakMemory`.
enum ResidentMemory {
  /// Lets the count start again from what is resident now; where the kernel does not allow that, the
  /// count goes on from the start of the process.
  static func restart() {
    guard let file = fopen("/proc/self/clear_refs", "w") else { return }
    fputs("5", file)
    fclose(file)
  }
}
