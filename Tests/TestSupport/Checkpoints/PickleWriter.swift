/// A value as `torch.save` would get it.
public indirect enum Pickled: Sendable {
  case none
  case bool(Bool)
  case integer(Int)
  case real(Double)
  case string(String)
  case bytes([UInt8])
  case list([Pickled])
  case tuple([Pickled])
  case dictionary([(String, Pickled)])
  /// A dictionary as a module's `state_dict()` makes it, with the attribute `_metadata`.
  case stateDictionary([(String, Pickled)])
  case size([Int])
  /// A view of a storage, by the storage's index in the archive.
  case tensor(storage: Int, offset: Int = 0, shape: [Int], strides: [Int])
  case parameter(Pickled)
}

/// Writes pickles in the dialect of `torch.save`, protocol 2 or 4.
public struct PickleWriter {
  public private(set) var bytes: [UInt8]
  private let version: Int
  private var memoCount = 0
  /// The storages that tensors refer to: name of PyTorch's class and number of elements.
  private let storages: [(type: String, count: Int)]

  public static func pickle(
    _ value: Pickled, storages: [(type: String, count: Int)] = [], protocol version: Int = 2
  ) -> [UInt8] {
    var writer = PickleWriter(version: version, storages: storages)
    writer.write(value)
    return writer.bytes + Array(".".utf8)
  }

  private init(version: Int, storages: [(type: String, count: Int)]) {
    precondition(version == 2 || version == 4)
    self.version = version
    self.storages = storages
    bytes = [0x80, UInt8(version)]
    if version == 4 {
      bytes.append(0x95)
      bytes.add(0, UInt64.self)  // a frame's length, which readers need not trust
    }
  }

  private mutating func write(_ value: Pickled) {
    switch value {
    case .none: put("N")
    case .bool(let value): bytes.append(value ? 0x88 : 0x89)
    case .integer(let value): write(value)
    case .real(let value):
      put("G")
      bytes.add(Int(bitPattern: UInt(value.bitPattern.byteSwapped)), UInt64.self)
    case .string(let text): write(text)
    case .bytes(let contents): write(contents)
    case .list(let elements):
      put("]")
      remember()
      put("(")
      for element in elements { write(element) }
      put("e")
    case .tuple(let elements): tuple(elements)
    case .dictionary(let entries):
      put("}")
      remember()
      fill(entries)
    case .stateDictionary(let entries):
      emptyOrdered()
      remember()
      fill(entries)
      write(
        .dictionary([("_metadata", .dictionary([("", .dictionary([("version", .integer(1))]))]))]))
      put("b")
    case .size(let dimensions):
      global("torch", "Size")
      tuple([.tuple(dimensions.map(Pickled.integer))])
      put("R")
    case .tensor(let storage, let offset, let shape, let strides):
      global("torch._utils", "_rebuild_tensor_v2")
      put("((")
      write("storage")
      global("torch", storages[storage].type)
      write(String(storage))
      write("cpu")
      write(storages[storage].count)
      put("tQ")
      write(offset)
      tuple(shape.map(Pickled.integer))
      tuple(strides.map(Pickled.integer))
      bytes.append(0x89)
      emptyOrdered()
      put("tR")
      remember()
    case .parameter(let tensor):
      global("torch._utils", "_rebuild_parameter")
      put("(")
      write(tensor)
      bytes.append(0x88)
      emptyOrdered()
      put("tR")
      remember()
    }
  }

  private mutating func put(_ codes: String) { bytes += Array(codes.utf8) }

  private mutating func fill(_ entries: [(String, Pickled)]) {
    put("(")
    for (key, value) in entries {
      write(key)
      write(value)
    }
    put("u")
  }

  private mutating func tuple(_ elements: [Pickled]) {
    if elements.isEmpty { return put(")") }
    if elements.count > 3 { put("(") }
    for element in elements { write(element) }
    bytes.append(elements.count > 3 ? UInt8(ascii: "t") : 0x84 + UInt8(elements.count))
    remember()
  }

  private mutating func write(_ value: Int) {
    switch value {
    case 0...0xFF: bytes += [UInt8(ascii: "K"), UInt8(value)]
    case 0...0xFFFF:
      put("M")
      bytes.add(value, UInt16.self)
    case Int(Int32.min)...Int(Int32.max):
      put("J")
      bytes.add(value, Int32.self)
    default:
      bytes += [0x8A, 8]
      bytes.add(value, Int64.self)
    }
  }

  private mutating func write(_ text: String) {
    if version == 4 && text.utf8.count < 256 {
      bytes += [0x8C, UInt8(text.utf8.count)]
    } else {
      put("X")
      bytes.add(text.utf8.count, UInt32.self)
    }
    bytes += Array(text.utf8)
    remember()
  }

  private mutating func write(_ contents: [UInt8]) {
    if version == 4 {
      bytes += [UInt8(ascii: "C"), UInt8(contents.count)] + contents
      remember()
    } else {
      global("_codecs", "encode")
      tuple([
        .string(String(String.UnicodeScalarView(contents.map { Unicode.Scalar($0) }))),
        .string("latin1"),
      ])
      put("R")
    }
  }

  private mutating func emptyOrdered() {
    global("collections", "OrderedDict")
    put(")R")
  }

  private mutating func global(_ module: String, _ name: String) {
    if version == 4 {
      write(module)
      write(name)
      bytes.append(0x93)
    } else {
      put("c\(module)\n\(name)\n")
    }
    remember()
  }

  private mutating func remember() {
    if version == 4 {
      bytes.append(0x94)
    } else if memoCount < 256 {
      bytes += [UInt8(ascii: "q"), UInt8(memoCount)]
    } else {
      put("r")
      bytes.add(memoCount, UInt32.self)
    }
    memoCount += 1
  }
}
