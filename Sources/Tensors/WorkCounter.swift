import Synchronization

/// Counts the operations of products (matrices, convolutions, attention): a multiplication and an addition are
/// two. What goes over rows and elements is not counted.
public final class WorkCounter: Sendable {
  private let float = Atomic<Int>(0)
  private let int8 = Atomic<Int>(0)

  public init() {}

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

  public func add(_ precision: ProductPrecision, _ operations: Int) {
    switch precision {
    case .float: float.wrappingAdd(operations, ordering: .relaxed)
    case .int8: int8.wrappingAdd(operations, ordering: .relaxed)
    }
  }
}
