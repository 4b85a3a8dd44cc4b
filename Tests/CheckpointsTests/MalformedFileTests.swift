import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import FoleyKit

/// The recorded collection of files a loader must survive, and of unusual ones it must read.
@Suite(
  .serialized,
  .enabled(
    if: Shared.directory != nil, "the folder ../shared with the malformed checkpoints is absent"))
struct MalformedFileTests {
  private static let goldens = Shared.directory?.appendingPathComponent("reference/goldens")
  static let folder = goldens?.appendingPathComponent("malformed")
  /// What some of the files would leave behind if anything in them were run or unpacked.
  private static let trace = "/tmp/PWNED_FOLEY"

  private static func files() throws -> [String] {
    let folder = try #require(MalformedFileTests.folder)
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
      $0.hasSuffix(".safetensors") || $0.hasSuffix(".pth")
    }.sorted()
  }

  /// What the message of each file says, so that a file is refused for what is wrong with it.
  private static let reasons: [String: String] = [
    "truncated_half.pth": "cut off",
    "truncated_tail.pth": "cut off",
    "empty.pth": "the file is empty",
    "lfs_pointer.pth": "Git LFS pointer",
    "html_page.safetensors": "web page",
    "reduce_os_system.pth": "system'",
    "reduce_eval.pth": "builtins.eval'",
    "tensor_beyond_storage.pth": "beyond its storage of 35 elements",
    "huge_offset.pth": "storage of 35",
    "negative_stride.pth": "negative stride",
    "size_overflow.pth": "overflows",
    "zip_huge_record.pth": "'archive/data.pkl' would be 4294967280 bytes",
    "zip_directory_beyond.pth": "zip directory would be",
    "deflate_bomb.pth": "which has 67108864 bytes",
    "deep_pickle.pth": "nested more than 64 deep",
    "memo_missing.pth": "was never set",
    "stack_underflow.pth": "a value is needed where there is none",
    "no_data_pkl.pth": "no data.pkl",
    "path_traversal.pth": "'archive/data/1' is missing",
    "header_beyond_file.safetensors": "the header would be",
    "header_length_max.safetensors": "the header would be",
    "overlapping_offsets.safetensors": "overlaps another",
    "hole.safetensors": "belong to no tensor",
    "offsets_beyond_data.safetensors": "lies at bytes",
    "offsets_reversed.safetensors": "lies at bytes",
    "shape_mismatch.safetensors": "are stored",
    "shape_overflow.safetensors": "overflows",
    "negative_shape.safetensors": "not a non-negative whole number",
    "unknown_dtype.safetensors": "unknown or unsupported type",
    "bad_json.safetensors": "header, byte",
    "bad_utf8.safetensors": "not UTF-8",
    "duplicate_key.safetensors": "twice",
    "deep_json.safetensors": "header, byte",
  ]

  @Test func everyFileIsRefusedForItsReason() throws {
    let files = try MalformedFileTests.files()
    #expect(files.count >= 33)
    for file in files {
      let path = try #require(MalformedFileTests.folder).appendingPathComponent(file).path
      let start = ContinuousClock.now
      let error = #expect(throws: CheckpointError.self, "\(file)") { try CheckpointFile.open(path) }
      #expect(ContinuousClock.now - start < .seconds(1), "\(file)")
      let message = try #require(error).description
      #expect(message.hasPrefix(path + ": "))
      #expect(!message.contains("\n"))
      #expect(message.contains(MalformedFileTests.reasons[file] ?? ""), "\(message)")
      #expect(throws: CheckpointError.self) { try SafetensorsFile(path) }
      #expect(throws: CheckpointError.self) { try PyTorchFile(path) }
    }
    #expect(!FileManager.default.fileExists(atPath: MalformedFileTests.trace))
  }

  /// None of the sizes they declare is ever allocated. In a process of its own, which counts alone.
  @Test func noneTakesMemory() async {
    await #expect(processExitsWith: .success) {
      let folder = try #require(MalformedFileTests.folder)
      let before = RobustnessTests.peakMemory()
      for file in try MalformedFileTests.files() {
        #expect(throws: CheckpointError.self) {
          try CheckpointFile.open(folder.appendingPathComponent(file).path)
        }
      }
      let growth = RobustnessTests.peakMemory() - before
      #expect(growth < 32 << 20, "\(growth) bytes were used")
    }
  }

  // MARK: Correct ones

  private struct Expected: Decodable {
    let dtype: String
    let shape: [Int]
    let sha256: String
  }

  private static let types: [String: DType] = [
    "float32": .f32, "float16": .f16, "bfloat16": .bf16, "float64": .f64, "int64": .i64,
    "int32": .i32, "int8": .i8, "uint8": .u8, "bool": .u8,
  ]

  private func compare(_ source: some TensorSource, _ expected: [String: Expected]) throws {
    #expect(source.keys.sorted() == expected.keys.sorted())
    for (key, description) in expected {
      let tensor = try source.tensor(key)
      #expect(tensor.shape == Shape(description.shape), "\(key)")
      #expect(tensor.dtype == MalformedFileTests.types[description.dtype], "\(key)")
      #expect(SHA256.hash(Array(tensor.bytes)) == description.sha256, "\(key)")
    }
  }

  /// Compares every file a table lists; `file:key` lists what lies below a key.
  private func compareFiles(in folder: URL) throws {
    let table = try JSONDecoder().decode(
      [String: [String: Expected]].self,
      from: Data(contentsOf: folder.appendingPathComponent("expected_tensors.json")))
    #expect(table.count >= 4)
    for (name, expected) in table where name != "legacy_format.pth" {
      let parts = name.split(separator: ":").map(String.init)
      let file = try CheckpointFile.open(folder.appendingPathComponent(parts[0]).path)
      if parts.count == 2 {
        try compare(try file.tensors(below: parts[1]), expected)
      } else {
        try compare(file, expected)
      }
    }
  }

  @Test func unusualButCorrect() throws {
    let folder = try #require(MalformedFileTests.folder).appendingPathComponent("valid")
    try compareFiles(in: folder)
    let old = folder.appendingPathComponent("legacy_format.pth").path
    let error = #expect(throws: CheckpointError.self) { try CheckpointFile.open(old) }
    #expect(try #require(error).description.contains("before version 1.6; convert it once"))
  }

  @Test func valuesBesideTheTensors() throws {
    let folder = try #require(MalformedFileTests.folder).appendingPathComponent("valid")
    let file = try PyTorchFile(folder.appendingPathComponent("nested.pth").path)
    #expect(file.values["epoch"] == .integer(3))
    let arguments = try #require(file.values["args"])
    #expect(arguments["lr"]?.number == 0.0001)
    #expect(arguments["names"] == .list([.string("a"), .string("b")]))
    #expect(arguments["none"] == PickledValue.none)
    // 2^70.
    #expect(arguments["big"] == .largeInteger([0, 0, 0, 0, 0, 0, 0, 0, 64]))
    #expect(
      arguments["t"]
        == .tuple([.integer(1), .real(2.5), .string("x"), .bytes(Array("raw".utf8))]))
    try file.verifyChecksums()
  }

  /// The miniature of the published model's files.
  @Test func publishedLayout() throws {
    let folder = try #require(MalformedFileTests.goldens).appendingPathComponent("published-layout")
    try compareFiles(in: folder)
    let file = try PyTorchFile(folder.appendingPathComponent("vae_128d_48k.pth").path)
    let settings = "metadata.kwargs."
    #expect(try file.integers(at: settings + "decoder_rates") == [8, 5, 4, 3, 2])
    #expect(try file.integer(at: settings + "sample_rate") == 48000)
    #expect(try file.bool(at: settings + "continuous"))
  }
}
