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
  struct Failure: Error {
    let reason: String
  }

  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func parse() throws(Failure) -> [String: SafetensorsEntry] {
    var entries: [String: SafetensorsEntry] = [:]
    try expect("{")
    if !accept("}") {
      repeat {
        let key = try string()
        try expect(":")
        if key == "__metadata__" {
          try metadata()
          continue
        }
        let entry = try entry(key)
        guard entries.updateValue(entry, forKey: key) == nil else {
          throw Failure(reason: "the header names '\(key)' twice")
        }
      } while accept(",")
      try expect("}")
    }
    skipSpace()
    guard position == bytes.count else { throw failure("text after the end of the header") }
    return entries
  }

  private mutating func entry(_ key: String) throws(Failure) -> SafetensorsEntry {
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
      default: throw Failure(reason: "tensor '\(key)' has an unexpected field '\(field)'")
      }
    } while accept(",")
    try expect("}")
    guard let type, let shape, let offsets, offsets.count == 2 else {
      throw Failure(reason: "tensor '\(key)' lacks dtype, shape or two data offsets")
    }
    return SafetensorsEntry(type: type, shape: shape, begin: offsets[0], end: offsets[1])
  }

  private mutating func metadata() throws(Failure) {
    try expect("{")
    if accept("}") { return }
    repeat {
      _ = try string()
      try expect(":")
      _ = try string()
    } while accept(",")
    try expect("}")
  }

  private mutating func integers() throws(Failure) -> [Int] {
    var values: [Int] = []
    try expect("[")
    if accept("]") { return values }
    repeat {
      skipSpace()
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
      values.append(value)
    } while accept(",")
    try expect("]")
    return values
  }

  private mutating func string() throws(Failure) -> String {
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

  private mutating func escape(_ text: inout [UInt8]) throws(Failure) {
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

  private mutating func hexadecimal() throws(Failure) -> UInt16 {
    guard position + 4 <= bytes.count,
      let digits = String(validating: bytes[position..<position + 4], as: UTF8.self),
      let unit = UInt16(digits, radix: 16)
    else { throw failure("a broken \\u escape") }
    position += 4
    return unit
  }

  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = peek(), byte == 0x20 || (0x09...0x0D).contains(byte) { position += 1 }
  }

  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard peek() == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(Failure) {
    guard accept(character) else { throw failure("'\(character)' expected") }
  }

  private func failure(_ reason: String) -> Failure {
    Failure(reason: "header, byte \(position): \(reason)")
  }
}
