import Tensors

/// Runs the pickle of a checkpoint as far as it builds plain values and tensors; any other instruction
/// or global is refused by name. Nothing is ever executed: the only "functions" are those of
/// `PickleGlobal`, and they describe tensors.
///
/// Values lie in one flat table while they are built, so neither nesting nor cycles can exhaust the
/// stack. Memory is bounded by the number of instructions and by `maximumOperands`.
struct Unpickler {
  /// Values made and remembered, at most: enough for some forty thousand tensors.
  private static let maximumOperands = 1 << 20
  /// Containers inside each other, at most.
  static let maximumDepth = 64

  private var reader: ByteReader
  private var stack: [PickleOperand] = []
  /// Heights of the stack at the marks that are set.
  private var marks: [Int] = []
  private var memo: [Int: PickleOperand] = [:]
  private var heap = PickleHeap()
  private var operandCount = 0
  /// Where the current instruction begins.
  private var start = 0

  /// Reads the one value that a pickle holds.
  static func value(of pickle: UnsafeRawBufferPointer) throws(Malformation) -> PickledValue {
    var machine = Unpickler(reader: ByteReader(pickle))
    let result = try machine.run()
    return try machine.heap.value(of: result, pickle: pickle)
  }

  private init(reader: ByteReader) { self.reader = reader }

  private mutating func run() throws(Malformation) -> PickleOperand {
    while true {
      start = reader.position
      let code: UInt8 = try next()
      guard let instruction = PickleInstruction(rawValue: code) else {
        throw failure(
          "the instruction \(PickleInstruction.refusedName(code)) is not allowed in a checkpoint")
      }
      if instruction == .stop {
        guard stack.count == 1, marks.isEmpty else {
          throw failure("it ends with values left over")
        }
        return stack[0]
      }
      try execute(instruction)
    }
  }

  private mutating func execute(_ instruction: PickleInstruction) throws(Malformation) {
    switch instruction {
    case .proto:
      let version: UInt8 = try next()
      guard version <= 5 else { throw failure("unknown pickle protocol \(version)") }
    case .frame: _ = try next(UInt64.self)  // a hint for reading ahead
    case .stop: preconditionFailure("handled by the loop")
    case .mark:
      guard marks.count < Unpickler.maximumDepth else { throw tooDeep() }
      marks.append(stack.count)

    case .none: try push(.none)
    case .newTrue: try push(.bool(true))
    case .newFalse: try push(.bool(false))
    case .binInt: try push(.integer(Int(try next(Int32.self))))
    case .binInt1: try push(.integer(Int(try next(UInt8.self))))
    case .binInt2: try push(.integer(Int(try next(UInt16.self))))
    case .long1: try push(number(try take(Int(try next(UInt8.self)))))
    case .binFloat:
      // The one big-endian number of the format.
      try push(.real(Double(bitPattern: try next(UInt64.self).byteSwapped)))

    case .shortBinUnicode: try push(.string(try take(Int(try next(UInt8.self)))))
    case .binUnicode: try push(.string(try take(Int(try next(UInt32.self)))))
    case .binUnicode8: try push(.string(try take(try longLength())))
    case .shortBinBytes: try push(.bytes(try take(Int(try next(UInt8.self)))))
    case .binBytes: try push(.bytes(try take(Int(try next(UInt32.self)))))
    case .binBytes8: try push(.bytes(try take(try longLength())))

    case .emptyTuple: try push(heap.add(.tuple, []))
    case .tuple: try push(heap.add(.tuple, try popToMark()))
    case .tuple1: try makeTuple(1)
    case .tuple2: try makeTuple(2)
    case .tuple3: try makeTuple(3)
    case .emptyList: try push(heap.add(.list, []))
    case .append: try extend(.list, [try pop()])
    case .appends: try extend(.list, try popToMark())
    case .emptyDict: try push(heap.add(.dictionary, []))
    case .setItem:
      let value = try pop()
      try extend(.dictionary, [try pop(), value])
    case .setItems: try extend(.dictionary, try popToMark())

    case .binPut: try remember(Int(try next(UInt8.self)))
    case .longBinPut: try remember(Int(try next(UInt32.self)))
    case .memoize: try remember(memo.count)
    case .binGet: try recall(Int(try next(UInt8.self)))
    case .longBinGet: try recall(Int(try next(UInt32.self)))

    case .global: try pushGlobal(module: try line(), name: try line())
    case .stackGlobal:
      let name = try text(try pop())
      try pushGlobal(module: try text(try pop()), name: name)
    case .reduce:
      let arguments = try items(try pop(), .tuple)
      try push(try call(try pop(), arguments))
    case .build:
      // State dictionaries of modules carry the modules' versions in an attribute; nobody needs it.
      _ = try items(try pop(), .dictionary)
      _ = try items(try top(), .dictionary)
    case .binPersistentID: try push(.storage(heap.add(try storage(try items(try pop(), .tuple)))))
    }
  }

  // MARK: Stack and memo

  private mutating func push(_ operand: PickleOperand) throws(Malformation) {
    try count()
    stack.append(operand)
  }

  private mutating func count() throws(Malformation) {
    operandCount += 1
    guard operandCount <= Unpickler.maximumOperands else {
      throw failure("more values than any checkpoint has")
    }
  }

  /// The value on top, which must lie above the last mark.
  private func top() throws(Malformation) -> PickleOperand {
    guard stack.count > marks.last ?? 0, let operand = stack.last else {
      throw failure("a value is needed where there is none")
    }
    return operand
  }

  private mutating func pop() throws(Malformation) -> PickleOperand {
    let operand = try top()
    stack.removeLast()
    return operand
  }

  private mutating func popToMark() throws(Malformation) -> [PickleOperand] {
    guard let mark = marks.popLast() else { throw failure("a mark is needed where there is none") }
    let operands = Array(stack[mark...])
    stack.removeSubrange(mark...)
    return operands
  }

  private mutating func remember(_ slot: Int) throws(Malformation) {
    try count()
    memo[slot] = try top()
  }

  private mutating func recall(_ slot: Int) throws(Malformation) {
    guard let operand = memo[slot] else { throw failure("memo \(slot) was never set") }
    try push(operand)
  }

  // MARK: Containers

  private mutating func makeTuple(_ count: Int) throws(Malformation) {
    var operands: [PickleOperand] = []
    for _ in 0..<count { operands.insert(try pop(), at: 0) }
    try push(heap.add(.tuple, operands))
  }

  /// Adds to the list or dictionary (whose keys and values alternate) on top of the stack.
  private mutating func extend(
    _ kind: PickleHeap.Kind, _ operands: [PickleOperand]
  ) throws(Malformation) {
    guard case .object(let index) = try top(), heap.objects[index].kind == kind else {
      throw failure("what is to be added to is not a \(kind.rawValue)")
    }
    guard kind != .dictionary || operands.count.isMultiple(of: 2) else {
      throw failure("a dictionary key without a value")
    }
    heap.objects[index].items.append(contentsOf: operands)
  }

  private func items(
    _ operand: PickleOperand, _ kind: PickleHeap.Kind
  ) throws(Malformation) -> [PickleOperand] {
    guard case .object(let index) = operand, heap.objects[index].kind == kind else {
      throw failure("a \(kind.rawValue) is expected")
    }
    return heap.objects[index].items
  }

  // MARK: Globals

  private mutating func pushGlobal(module: String, name: String) throws(Malformation) {
    guard let global = PickleGlobal(module: module, name: name) else {
      let wanted = (module + "." + name).quoted
      throw failure(
        module == "torch" && name.hasSuffix("Storage")
          ? "tensors kept in a \(wanted) are not supported"
          : "it wants \(wanted), which a checkpoint of plain tensors does not need;"
            + " refused, nothing was run")
    }
    try push(.global(global))
  }

  private mutating func call(
    _ function: PickleOperand, _ arguments: [PickleOperand]
  ) throws(Malformation) -> PickleOperand {
    guard case .global(let global) = function else {
      throw failure("what is called is no function")
    }
    switch global {
    case .orderedDictionary where arguments.isEmpty: return heap.add(.dictionary, [])
    case .size where arguments.count == 1:
      return heap.add(.tuple, try items(arguments[0], .tuple))
    case .bytes where arguments.isEmpty: return .bytes(0..<0)
    case .encode where arguments.count == 2:
      guard case .string(let range) = arguments[0], try text(arguments[1]) == "latin1" else {
        break
      }
      return .latin1(range)
    case .rebuildTensor where arguments.count == 6 || arguments.count == 7:
      guard case .storage(let storage) = arguments[0] else { break }
      // The others say how to train it.
      let tensor = PickledTensor(
        storage: heap.storages[storage], offset: try integer(arguments[1]),
        dimensions: try integers(arguments[2]), strides: try integers(arguments[3]))
      return .tensor(heap.add(tensor))
    case .rebuildParameter where arguments.count == 3:
      guard case .tensor = arguments[0] else { break }
      return arguments[0]
    default: break
    }
    throw failure("a call with arguments that do not fit")
  }

  /// ("storage", class, key, device, number of elements)
  private func storage(_ parts: [PickleOperand]) throws(Malformation) -> PickledStorage {
    guard parts.count == 5, try text(parts[0]) == "storage",
      case .global(.storage(let dtype)) = parts[1]
    else { throw failure("a reference to something that is no storage") }
    return PickledStorage(
      key: try text(parts[2]), dtype: dtype, count: try integer(parts[4]))
  }

  private func integer(_ operand: PickleOperand) throws(Malformation) -> Int {
    guard case .integer(let value) = operand else { throw failure("a whole number is expected") }
    return value
  }

  private func integers(_ operand: PickleOperand) throws(Malformation) -> [Int] {
    let operands = try items(operand, .tuple)
    guard operands.count <= Shape.maximumRank else {
      throw failure("a tensor of \(operands.count) dimensions; at most 8 are supported")
    }
    var values: [Int] = []
    for operand in operands { values.append(try integer(operand)) }
    return values
  }

  // MARK: Bytes

  private mutating func next<Number: FixedWidthInteger>(
    _ type: Number.Type = Number.self
  ) throws(Malformation) -> Number {
    guard let number = reader.integer(type) else { throw failure("it is cut off") }
    return number
  }

  private mutating func take(_ count: Int) throws(Malformation) -> Range<Int> {
    guard let range = reader.take(count) else {
      throw failure("\(count) bytes are announced, \(reader.remaining) are left")
    }
    return range
  }

  private mutating func longLength() throws(Malformation) -> Int {
    let length: UInt64 = try next()
    return Int(clamping: length)
  }

  private mutating func line() throws(Malformation) -> String {
    let rest = reader.bytes[reader.position...].prefix(1024)
    guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
      throw failure("a name without end")
    }
    let range = try take(end - reader.position)
    _ = try take(1)
    return try text(.string(range))
  }

  private func text(_ operand: PickleOperand) throws(Malformation) -> String {
    guard case .string(let range) = operand else { throw failure("text is expected") }
    return try PickleHeap.text(reader.bytes[range])
  }

  private func number(_ range: Range<Int>) -> PickleOperand {
    guard range.count <= 8 else { return .largeInteger(range) }
    var bits: UInt64 = 0
    for byte in reader.bytes[range].reversed() { bits = bits << 8 | UInt64(byte) }
    let unused = 64 - 8 * range.count
    // Up and down again extends the sign. Shifting by 64, with no bytes, gives 0.
    return .integer(Int(Int64(bitPattern: bits << unused) >> unused))
  }

  private func tooDeep() -> Malformation {
    failure("values are nested more than \(Unpickler.maximumDepth) deep")
  }

  private func failure(_ reason: String) -> Malformation {
    Malformation("its pickle, byte \(start): \(reason)")
  }
}
