import CKernels
import Synchronization
import Tensors

/// Counts the operations of products (matrices, convolutions, attention): a multiplication and an addition are
/// two. What goes over rows and elements is not counted.
public final class WorkCounter: Sendable {
  private let float = Atomic<Int>(0)
  private let int8 = Atomic<Int>(0)

  public struct Work: Sendable, Equatable {
    public var float: Int
    public var int8: Int

    public init(float: Int, int8: Int) {
      self.float = float
      self.int8 = int8
    }

    public static func - (a: Work, b: Work) -> Work {
      Work(float: a.float - b.float, int8: a.int8 - b.int8)
    }
  }

  public var total: Work {
    Work(float: float.load(ordering: .relaxed), int8: int8.load(ordering: .relaxed))
  }

  func add(_ precision: ProductPrecision, _ operations: Int) {
    switch precision {
    case .float: float.wrappingAdd(operations, ordering: .relaxed)
    case .int8: int8.wrappingAdd(operations, ordering: .relaxed)
    }
  }
}

extension CPUBackend {
  /// Operations per second that all threads together do in registers, where no memory holds them up: the most
  /// that any kernel could reach. Takes about a third of a second; on a busy machine the best of its tries
  /// counts.
  public func measuredPeak(_ precision: ProductPrecision) -> Double {
    let (kernels, integers) = (kernels.pointee, integers.pointee)
    let operations =
      precision == .float ? kernels.peakOperations : integers.peakOperations
    func seconds(rounds: Int) -> Double {
      let clock = ContinuousClock()
      let time = clock.measure {
        threads.run(threads.count) { _, _ in
          switch precision {
          case .float: _ = kernels.peak(rounds)
          case .int8: _ = integers.peak(rounds)
          }
        }
      }
      return Double(time.components.seconds) + 1e-18 * Double(time.components.attoseconds)
    }
    let rounds = Int(1e5 * 0.01 / max(1e-5, seconds(rounds: 100_000)))
    let best = (0..<30).map { _ in seconds(rounds: max(1000, rounds)) }.min()!
    return Double(operations * max(1000, rounds) * threads.count) / best
  }
}
