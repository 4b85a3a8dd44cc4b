import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// A safetensors file written byte by byte, and removed afterwards.
struct TemporaryFile: ~Copyable {
  let path: String

  init(_ bytes: [UInt8]) throws {
    path = NSTemporaryDirectory() + "/foley-checkpoint-\(UUID().uuidString).safetensors"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  init(header: String, data: [UInt8] = []) throws {
    var length = UInt64(header.utf8.count).littleEndian
    try self.init(withUnsafeBytes(of: &length) { Array($0) } + Array(header.utf8) + data)
  }

  deinit { unlink(path) }
}

@Suite struct SafetensorsTests {
  @Test func readsEveryType() throws {
    let header = """
      {"__metadata__": {"format": "pt", "note": "a \\"quoted\\" word"},
       "half": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]},
       "brain": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [4, 8]},
       "single": {"dtype": "F32", "shape": [], "data_offsets": [8, 12]},
       "byte": {"dtype": "I8", "shape": [4], "data_offsets": [12, 16]},
       "none": {"dtype": "F64", "shape": [0, 3], "data_offsets": [16, 16]},
       "caf\\u00e9": {"dtype": "I64", "shape": [1], "data_offsets": [16, 24]}}
      """
    let file = try TemporaryFile(
      header: header,
      data: [
        0x00, 0x3C, 0x00, 0xC0, 0x80, 0x3F, 0x20, 0xC0, 0x00, 0x00, 0x40, 0x3F, 0x80, 0xFF, 0, 0x7F,
        5, 1, 0, 0, 0, 0, 0, 0,
      ])
    let source = try SafetensorsFile(file.path)
    #expect(source.keys == ["brain", "byte", "café", "half", "none", "single"])
    #expect(source.metadata == ["format": "pt", "note": "a \"quoted\" word"])
    #expect(try source.tensor("half").floats() == [1, -2])
    #expect(try source.tensor("brain").floats() == [1, -2.5])
    #expect(try source.tensor("brain").shape == [1, 2])
    #expect(try source.tensor("single").floats() == [0.75])
    #expect(try source.tensor("single").shape.rank == 0)
    #expect(try source.tensor("byte").floats() == [-128, -1, 0, 127])
    #expect(try source.tensor("none").shape == [0, 3])
    #expect(try source.tensor("café").floats() == [261])
    #expect(throws: CheckpointError.missingKey(file: file.path, key: "other")) {
      try source.tensor("other")
    }
  }

  @Test(arguments: [
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#, "expected"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} x"#, "text after the end"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, "needs 8 bytes"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#, "lies at bytes 0 to 8 of 4"),
    (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "not a non-negative"),
    (#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, "expected"),
    (#"{"a":{"dtype":"F8","shape":[4],"data_offsets":[0,4]}}"#, "unknown or unsupported type 'F8'"),
    (#"{"a":{"dtype":"F32","shape":[1]}}"#, "lacks dtype, shape or two data offsets"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, "two data offsets"),
    (#"{"a":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}"#, "unexpected field"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":[[[]]]}}"#, "unexpected field 'x'"),
    (#"{"a\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, "surrogate"),
    (#"{"a":{"dtype":"F32","shape":[9999999999999999999999],"data_offsets":[0,4]}}"#, "too large"),
    (
      #"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#, "9 dimensions"
    ),
    (#"{"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}}"#, "overflows"),
    (#"{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}"#, "begins with 0"),
    (#"{"a\u+12f":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, "broken \\u escape"),
    (#"{"__metadata__":{},"__metadata__":{}}"#, "two '__metadata__'"),
    (#"{"__metadata__":{"a":"b","a":"c"}}"#, "names 'a' twice"),
    (#"{"a\nb":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, #"tensor 'a\nb' of shape"#),
    (#"{}"#, "4 bytes at the end belong to no tensor"),
    (#" {}"#, "'{' expected"),
    (#"[]"#, "'{' expected"),
  ])
  func refusesBrokenHeaders(header: String, reason: String) throws {
    let file = try TemporaryFile(header: header, data: [0, 0, 0, 0])
    let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(file.path) }
    let text = try #require(error).description
    #expect(text.hasPrefix(file.path + ": not a valid checkpoint: "))
    #expect(text.contains(reason), "\(text)")
  }

  @Test func refusesWhatIsNoFile() throws {
    #expect(throws: CheckpointError.self) { try SafetensorsFile("/nowhere/at/all.safetensors") }
    let error = #expect(throws: CheckpointError.self) {
      try SafetensorsFile(NSTemporaryDirectory())
    }
    #expect(try #require(error).description.contains("not a regular file"))
    let short = try TemporaryFile([1, 2, 3])
    #expect(throws: CheckpointError.self) { try SafetensorsFile(short.path) }
  }

  /// Every prefix of a good file is refused, whatever it is cut in.
  @Test func refusesTruncatedFiles() throws {
    let header = #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}"#
    var length = UInt64(header.utf8.count).littleEndian
    let whole =
      withUnsafeBytes(of: &length) { Array($0) } + Array(header.utf8)
      + [UInt8](repeating: 0, count: 12)
    for count in 0..<whole.count {
      let file = try TemporaryFile(Array(whole[..<count]))
      #expect(throws: CheckpointError.self, "\(count) bytes") { try SafetensorsFile(file.path) }
    }
    let file = try TemporaryFile(whole)
    #expect(try SafetensorsFile(file.path).keys == ["a"])
  }
}
