/// A fixed block of floats that several threads may fill in places that do not meet: the one unsafe
/// type of this module.
final class FloatMemory: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  let count: Int

  /// Zeros.
  init(count: Int) {
    base = .allocate(capacity: max(1, count))
    base.initialize(repeating: 0, count: count)
    self.count = count
  }

  convenience init(_ values: [Float]) {
    self.init(count: values.count)
    values.withUnsafeBufferPointer { source in
      if let start = source.baseAddress { base.update(from: start, count: values.count) }
    }
  }

  deinit { base.deallocate() }

  subscript(index: Int) -> Float {
    get { base[index] }
    set { base[index] = newValue }
  }

  func array(_ range: Range<Int>) -> [Float] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return Array(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count))
  }
}

/// Integers beside it, for the tables C reads.
final class IndexMemory: @unchecked Sendable {
  let base: UnsafeMutablePointer<Int32>

  init(_ values: [Int]) {
    base = .allocate(capacity: max(1, values.count))
    for (index, value) in values.enumerated() { (base + index).initialize(to: Int32(value)) }
  }

  deinit { base.deallocate() }
}
