/// The extents of a tensor, slowest-varying dimension first, kept inline (no allocation).
///
/// At most `Shape.maximumRank` dimensions. The last dimension is the channel dimension throughout
/// this package; everything before it counts rows.
public struct Shape: Hashable, Sendable {
  public static let maximumRank = 8

  private var extents = SIMD8<Int>(repeating: 1)
  public let rank: Int

  public init(_ dimensions: some Collection<Int>) {
    precondition(dimensions.count <= Shape.maximumRank, "more than 8 dimensions")
    rank = dimensions.count
    for (axis, extent) in dimensions.enumerated() {
      precondition(extent >= 0, "negative dimension \(extent)")
      extents[axis] = extent
    }
  }

  /// The extent of a dimension; negative indices count from the end (-1 is the channels).
  public subscript(axis: Int) -> Int {
    let index = axis < 0 ? rank + axis : axis
    precondition(index >= 0 && index < rank, "dimension \(axis) of a shape of rank \(rank)")
    return extents[index]
  }

  /// Number of elements; 1 for a scalar (rank 0).
  public var count: Int { extents.indices.reduce(1) { $0 * extents[$1] } }

  /// Extent of the last dimension; 1 for a scalar.
  public var channels: Int { rank == 0 ? 1 : extents[rank - 1] }

  /// Product of every extent but the last.
  public var rows: Int {
    var product = 1
    for axis in 0..<max(0, rank - 1) { product *= extents[axis] }
    return product
  }

  public var dimensions: [Int] { (0..<rank).map { extents[$0] } }

  /// The same shape with another last dimension.
  public func withChannels(_ channels: Int) -> Shape {
    replacing(axis: -1, with: channels)
  }

  /// The same shape with another extent at `axis` (negative: from the end).
  public func replacing(axis: Int, with extent: Int) -> Shape {
    var result = self
    let index = axis < 0 ? rank + axis : axis
    precondition(index >= 0 && index < rank && extent >= 0)
    result.extents[index] = extent
    return result
  }
}

extension Shape: ExpressibleByArrayLiteral {
  public init(arrayLiteral elements: Int...) { self.init(elements) }
}

extension Shape: CustomStringConvertible {
  public var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
