import Tensors

/// How a file breaks the rules of its format; whoever knows the file's name makes a `CheckpointError`
/// of it.
struct Malformation: Error {
  let reason: String

  init(_ reason: String) { self.reason = reason }
}

extension String {
  /// A name out of a file, made fit for a message: in quotes, on one line, of bearable length.
  var quoted: String {
    let limit = 120
    var text = ""
    var count = 0
    for scalar in unicodeScalars {
      guard count < limit else {
        text += "..."
        break
      }
      text +=
        scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : "\(scalar)"
      count += 1
    }
    return "'" + text + "'"
  }
}

extension Shape {
  /// The shape a file declares.
  ///
  /// - Throws: when it has too many dimensions, a negative one, or a size that overflows even if every
  ///   dimension of extent 0 had extent 1: so that no product of extents can overflow later.
  init(declared dimensions: [Int], of key: String, dtype: DType) throws(Malformation) {
    guard dimensions.count <= Shape.maximumRank else {
      throw Malformation("tensor \(key.quoted) has \(dimensions.count) dimensions")
    }
    var size = dtype.size
    for extent in dimensions {
      guard extent >= 0 else {
        throw Malformation("tensor \(key.quoted) has the negative dimension \(extent)")
      }
      let (product, overflow) = size.multipliedReportingOverflow(by: max(1, extent))
      guard !overflow else { throw Malformation("the shape of tensor \(key.quoted) overflows") }
      size = product
    }
    self.init(dimensions)
  }
}
