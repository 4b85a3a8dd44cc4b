/// A plain Python value out of a checkpoint.
public enum PickledValue: Equatable, Sendable {
  case none
  case bool(Bool)
  case integer(Int)
  /// A whole number beyond 64 bits: two's complement, lowest byte first.
  case largeInteger([UInt8])
  case real(Double)
  case string(String)
  case bytes([UInt8])
  case list([PickledValue])
  case tuple([PickledValue])
  /// In the order of the file, keys distinct. Keys that were whole numbers are their decimal digits.
  case dictionary([Entry])
  case tensor(PickledTensor)

  public struct Entry: Equatable, Sendable {
    public let key: String
    public let value: PickledValue
  }

  /// The value a dictionary holds under `key`; nil where there is none or this is no dictionary.
  public subscript(key: String) -> PickledValue? {
    guard case .dictionary(let entries) = self else { return nil }
    return entries.first { $0.key == key }?.value
  }

  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  public var integer: Int? {
    if case .integer(let value) = self { value } else { nil }
  }

  /// Whole numbers, too.
  public var number: Double? {
    switch self {
    case .real(let value): value
    case .integer(let value): Double(value)
    default: nil
    }
  }

  public var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// The elements of a list or tuple.
  public var elements: [PickledValue]? {
    switch self {
    case .list(let elements), .tuple(let elements): elements
    default: nil
    }
  }

  /// The elements of a list or tuple of whole numbers alone.
  public var integers: [Int]? {
    guard let elements else { return nil }
    let integers = elements.compactMap(\.integer)
    return integers.count == elements.count ? integers : nil
  }
}

extension PickledValue: CustomStringConvertible {
  /// What it is, in a few words.
  public var description: String {
    switch self {
    case .none: "None"
    case .bool(let value): value ? "True" : "False"
    case .integer(let value): String(value)
    case .largeInteger: "a whole number beyond 64 bits"
    case .real(let value): String(value)
    case .string(let text): text.quoted
    case .bytes: "bytes"
    case .list: "a list"
    case .tuple: "a tuple"
    case .dictionary: "a dictionary"
    case .tensor(let tensor): "a tensor of shape \(tensor.dimensions)"
    }
  }
}
