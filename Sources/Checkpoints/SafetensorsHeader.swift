import Tensors

/// What a safetensors header says of one tensor.
struct SafetensorsEntry {
  var type: String
  var shape: [Int]
  var begin: Int
  var end: Int
}

/// Reads the JSON header of a safetensors file: one flat object of entries, plus `__metadata__` with
/// strings. Only that much JSON is understood, so nesting cannot exhaust the stack and an odd header is
/// refused with the byte where it went wrong.
struct SafetensorsHeaderParser {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func parse() throws(Malformation) -> (
    entries: [String: SafetensorsEntry], metadata: [String: String]
  ) {
    var entries: [String: SafetensorsEntry] = [:]
    var metadata: [String: String]?
    guard peek() == UInt8(ascii: "{") else { throw failure("'{' expected") }
    try expect("{")
    if !accept("}") {
      repeat {
        let key = try string()
        try expect(":")
        if key == "__metadata__" {
          guard metadata == nil else { throw Malformation("the header has two '__metadata__'") }
          metadata = try strings()
          continue
        }
        let entry = try entry(key)
        guard entries.updateValue(entry, forKey: key) == nil else {
          throw Malformation("the header names \(key.quoted) twice")
        }
      } while accept(",")
      try expect("}")
    }
    skipSpace()
    guard position == bytes.count else { throw failure("text after the end of the header") }
    return (entries, metadata ?? [:])
  }

  private mutating func entry(_ key: String) throws(Malformation) -> SafetensorsEntry {
    var type: String?
    var shape: [Int]?
    var offsets: [Int]?
    try expect("{")
    repeat {
      let field = try string()
      try expect(":")
      switch field {
      case "dtype" where type == nil: type = try string()
      case "shape" where shape == nil: shape = try integers()
      case "data_offsets" where offsets == nil: offsets = try integers()
      default: throw Malformation("tensor \(key.quoted) has an unexpected field \(field.quoted)")
      }
    } while accept(",")
    try expect("}")
    guard let type, let shape, let offsets, offsets.count == 2 else {
      throw Malformation("tensor \(key.quoted) lacks dtype, shape or two data offsets")
    }
    return SafetensorsEntry(type: type, shape: shape, begin: offsets[0], end: offsets[1])
  }

  private mutating func strings() throws(Malformation) -> [String: String] {
    var values: [String: String] = [:]
    try expect("{")
    if accept("}") { return values }
    repeat {
      let key = try string()
      try expect(":")
      guard values.updateValue(try string(), forKey: key) == nil else {
        throw Malformation("the header's metadata names \(key.quoted) twice")
      }
    } while accept(",")
    try expect("}")
    return values
  }

  private mutating func integers() throws(Malformation) -> [Int] {
    var values: [Int] = []
    try expect("[")
    if accept("]") { return values }
    repeat {
      // More than any tensor's dimensions; keeps a hostile list from growing.
      guard values.count < 64 else { throw failure("a list of more than 64 numbers") }
      skipSpace()
      values.append(try integer())
    } while accept(",")
    try expect("]")
    return values
  }

  private mutating func integer() throws(Malformation) -> Int {
    var value = 0
    let start = position
    while let byte = peek(), byte >= 0x30, byte <= 0x39 {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int(byte) - 0x30)
      guard !overflow, !carry else { throw failure("a number too large") }
      value = sum
      position += 1
    }
    guard position > start else { throw failure("not a non-negative whole number") }
    guard position == start + 1 || bytes[start] != 0x30 else {
      throw failure("a number that begins with 0")
    }
    return value
  }

  private mutating func string() throws(Malformation) -> String {
    try expect("\"")
    var text: [UInt8] = []
    while let byte = peek() {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let result = String(validating: text, as: UTF8.self) else {
          throw failure("a string that is not UTF-8")
        }
        return result
      case UInt8(ascii: "\\"): try escape(&text)
      case 0..<0x20: throw failure("a control character in a string")
      default: text.append(byte)
      }
    }
    throw failure("a string without end")
  }

  private mutating func escape(_ text: inout [UInt8]) throws(Malformation) {
    guard let byte = peek() else { throw failure("a string without end") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "u"):
      var units = [try hexadecimal()]
      if UTF16.isLeadSurrogate(units[0]), peek() == UInt8(ascii: "\\") {
        position += 1
        guard peek() == UInt8(ascii: "u") else { throw failure("half a surrogate pair") }
        position += 1
        units.append(try hexadecimal())
      }
      guard let character = String(validating: units, as: UTF16.self) else {
        throw failure("half a surrogate pair")
      }
      text.append(contentsOf: character.utf8)
    default: throw failure("an unknown escape in a string")
    }
  }

  private mutating func hexadecimal() throws(Malformation) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("a broken \\u escape")
      }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }

  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = peek(), byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
      position += 1
    }
  }

  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard peek() == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(Malformation) {
    guard accept(character) else { throw failure("'\(character)' expected") }
  }

  private func failure(_ reason: String) -> Malformation {
    Malformation("header, byte \(position): \(reason)")
  }
}
