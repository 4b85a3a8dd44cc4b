/// What the stack and the memo of the pickle machine hold: small values themselves, texts and numbers
/// as places in the pickle, everything else by its index in the heap.
enum PickleOperand {
  case none
  case bool(Bool)
  case integer(Int)
  case largeInteger(Range<Int>)
  case real(Double)
  case string(Range<Int>)
  case bytes(Range<Int>)
  /// Bytes written as the text whose Latin-1 encoding they are.
  case latin1(Range<Int>)
  case global(PickleGlobal)
  case object(Int)
  case storage(Int)
  case tensor(Int)
}

/// The containers and tensors of a pickle while they are built. They refer to each other by index, so
/// that a container can be filled after it has been put into another one, as Python does.
struct PickleHeap {
  enum Kind: String {
    case list, tuple, dictionary
  }

  struct Object {
    let kind: Kind
    /// Of a dictionary: keys and values in turn.
    var items: [PickleOperand]
  }

  var objects: [Object] = []
  private(set) var storages: [PickledStorage] = []
  private(set) var tensors: [PickledTensor] = []

  mutating func add(_ kind: Kind, _ items: [PickleOperand]) -> PickleOperand {
    objects.append(Object(kind: kind, items: items))
    return .object(objects.count - 1)
  }

  mutating func add(_ storage: PickledStorage) -> Int {
    storages.append(storage)
    return storages.count - 1
  }

  mutating func add(_ tensor: PickledTensor) -> Int {
    tensors.append(tensor)
    return tensors.count - 1
  }

  // MARK: The finished value

  /// How large the tree may become. Everything that is there once costs no more than its pickle.
  private struct Budget {
    private var values: Int
    private var bytes: Int

    init(pickleLength: Int) {
      values = min(4 * pickleLength, 1 << 20) + (1 << 16)
      bytes = 2 * pickleLength + (1 << 16)
    }

    /// Accounts for one value, whose text has so many bytes.
    mutating func spend(bytes count: Int = 0) throws(Malformation) {
      values -= 1
      bytes -= count
      guard values >= 0, bytes >= 0 else {
        throw Malformation("its pickle repeats values until they are far larger than itself")
      }
    }
  }

  /// The tree of values that hangs from `root`. What is referred to twice is there twice.
  ///
  /// - Throws: where it is nested too deep, as anything that contains itself is, or where references
  ///   make it far larger than the pickle.
  func value(
    of root: PickleOperand, pickle: UnsafeRawBufferPointer
  ) throws(Malformation) -> PickledValue {
    var budget = Budget(pickleLength: pickle.count)
    return try value(root, pickle, depth: 0, &budget)
  }

  private func value(
    _ operand: PickleOperand, _ pickle: UnsafeRawBufferPointer, depth: Int, _ budget: inout Budget
  ) throws(Malformation) -> PickledValue {
    try budget.spend()
    switch operand {
    case .none: return .none
    case .bool(let value): return .bool(value)
    case .integer(let value): return .integer(value)
    case .real(let value): return .real(value)
    case .largeInteger(let range):
      try budget.spend(bytes: range.count)
      return .largeInteger(Array(pickle[range]))
    case .string(let range):
      try budget.spend(bytes: range.count)
      return .string(try PickleHeap.text(pickle[range]))
    case .bytes(let range):
      try budget.spend(bytes: range.count)
      return .bytes(Array(pickle[range]))
    case .latin1(let range):
      try budget.spend(bytes: range.count)
      return .bytes(try PickleHeap.latin1(pickle[range]))
    case .global, .storage:
      throw Malformation("its pickle holds a class or a bare storage where a value is expected")
    case .tensor(let index): return .tensor(tensors[index])
    case .object(let index):
      guard depth < Unpickler.maximumDepth else {
        throw Malformation(
          "its pickle nests values more than \(Unpickler.maximumDepth) deep")
      }
      let object = objects[index]
      guard object.kind != .dictionary else {
        return .dictionary(try entries(object.items, pickle, depth: depth + 1, &budget))
      }
      var elements: [PickledValue] = []
      for item in object.items {
        elements.append(try value(item, pickle, depth: depth + 1, &budget))
      }
      return object.kind == .list ? .list(elements) : .tuple(elements)
    }
  }

  private func entries(
    _ items: [PickleOperand], _ pickle: UnsafeRawBufferPointer, depth: Int, _ budget: inout Budget
  ) throws(Malformation) -> [PickledValue.Entry] {
    var entries: [PickledValue.Entry] = []
    var keys: Set<String> = []
    for index in stride(from: 0, to: items.count, by: 2) {
      let key: String
      switch items[index] {
      case .string(let range):
        try budget.spend(bytes: range.count)
        key = try PickleHeap.text(pickle[range])
      case .integer(let value): key = String(value)
      default:
        throw Malformation("its pickle has a dictionary key that is neither text nor a number")
      }
      guard keys.insert(key).inserted else {
        throw Malformation("its pickle has a dictionary with the key \(key.quoted) twice")
      }
      entries.append(
        .init(key: key, value: try value(items[index + 1], pickle, depth: depth, &budget)))
    }
    return entries
  }

  static func text(_ bytes: Slice<UnsafeRawBufferPointer>) throws(Malformation) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Malformation("its pickle holds text that is not UTF-8")
    }
    return text
  }

  private static func latin1(
    _ bytes: Slice<UnsafeRawBufferPointer>
  ) throws(Malformation) -> [UInt8] {
    var result: [UInt8] = []
    for scalar in try text(bytes).unicodeScalars {
      guard scalar.value < 256 else {
        throw Malformation("its pickle holds bytes written as text beyond Latin-1")
      }
      result.append(UInt8(scalar.value))
    }
    return result
  }
}
