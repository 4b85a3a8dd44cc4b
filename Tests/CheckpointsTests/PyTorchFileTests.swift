import Checkpoints
import Foundation
import ReferenceBackend
import Tensors
import TestSupport
import Testing

/// Files written here, byte by byte; see MalformedFileTests for those PyTorch wrote.
@Suite struct PyTorchFileTests {
  enum Kind: CaseIterable { case stored, deflated, wide, newPickle }

  static func bytes(_ kind: Kind) -> [UInt8] {
    var wide = ZipWriter()
    wide.is64Bit = true
    return switch kind {
    case .stored: SampleCheckpoints.pyTorch().bytes()
    case .deflated: SampleCheckpoints.pyTorch().bytes(deflated: true)
    case .wide: SampleCheckpoints.pyTorch().bytes(writer: wide)
    case .newPickle: SampleCheckpoints.pyTorch(protocol: 4).bytes()
    }
  }

  @Test(arguments: Kind.allCases) func readsEveryLayout(kind: Kind) throws {
    let temporary = try TemporaryFile(PyTorchFileTests.bytes(kind))
    let file = try PyTorchFile(temporary.path)
    #expect(
      file.keys == [
        "model.brain", "model.empty", "model.plain", "model.scalar", "model.spread",
        "model.turned", "more.0",
      ])
    let model = try file.tensors(below: "model")
    let plain = try model.tensor("plain")
    #expect(plain.shape == [3, 4] && plain.dtype == .f32)
    #expect(plain.floats() == (0..<12).map(Float.init))
    #expect(try model.tensor("turned").shape == [2, 3])
    #expect(try model.tensor("turned").floats() == [1, 5, 9, 2, 6, 10])
    #expect(try model.tensor("spread").floats() == [5, 6, 5, 6, 5, 6])
    #expect(try model.tensor("brain").dtype == .bf16)
    #expect(try model.tensor("brain").floats() == [1, -2.5])
    #expect(try model.tensor("scalar").shape.rank == 0)
    #expect(try model.tensor("scalar").floats() == [1])
    #expect(try model.tensor("empty").shape == [0, 4])
    let whole = try file.tensor("more.0")
    #expect(whole.dtype == .i64 && whole.floats() == [-3, Float(1 << 40)])
    #expect(throws: CheckpointError.missingKey(file: temporary.path, key: "model.other")) {
      try model.tensor("other")
    }
    #expect(throws: CheckpointError.missingKey(file: temporary.path, key: "weights.*")) {
      try file.tensors(below: "weights")
    }
    try file.verifyChecksums()
  }

  @Test(arguments: Kind.allCases) func readsPlainValues(kind: Kind) throws {
    let temporary = try TemporaryFile(PyTorchFileTests.bytes(kind))
    let file = try PyTorchFile(temporary.path)
    #expect(file.value(at: "more")?.elements?.dropFirst() == [.none, .real(0.5), .string("é")])
    let metadata = try #require(file.values["metadata"])
    #expect(metadata["raw"] == .bytes([0xFF, 0x00]))
    #expect(metadata["size"]?.integers == [1, 300, 70_000])
    #expect(metadata["t"] == .tuple([.integer(-1), .string("b"), .none, .bool(false)]))
    #expect(try file.integers(at: "metadata.rates") == [8, 5])
    #expect(try file.integer(at: "metadata.far") == -1 << 40)
    #expect(try file.number(at: "metadata.far") == -0x1p40)
    #expect(try file.bool(at: "metadata.on"))
    #expect(
      throws: CheckpointError.invalidValue(
        file: temporary.path, key: "metadata.on", expected: "a whole number", found: "True")
    ) { try file.integer(at: "metadata.on") }
    #expect(
      throws: CheckpointError.invalidValue(
        file: temporary.path, key: "metadata.off", expected: "text", found: "missing")
    ) { try file.string(at: "metadata.off") }
  }

  @Test func weightsReadEitherFormat() throws {
    let saved = try TemporaryFile(PyTorchFileTests.bytes(.stored))
    let weights = Weights(try CheckpointFile.open(saved.path), on: Reference())
    #expect(try weights["model"].vector("brain", [2]).floats() == [1, -2.5])
    let other = try TemporaryFile(SampleCheckpoints.safetensors)
    let same = Weights(try CheckpointFile.open(other.path), on: Reference())
    #expect(try same.vector("scalar", []).shape.rank == 0)
  }

  /// Row-major tensors of stored records are the file's own pages; inflated ones are shared.
  @Test func copiesOnlyWhatItMust() throws {
    let stored = try TemporaryFile(PyTorchFileTests.bytes(.stored))
    let file = try PyTorchFile(stored.path)
    for key in file.keys {
      let isCopy = key == "model.turned" || key == "model.spread"
      #expect(try (file.tensor(key).owner is any FileBacked) == !isCopy, "\(key)")
    }
    let deflated = try TemporaryFile(PyTorchFileTests.bytes(.deflated))
    let packed = try PyTorchFile(deflated.path)
    let first = try packed.tensor("model.plain")
    let second = try packed.tensor("model.plain")
    #expect(first.bytes.baseAddress == second.bytes.baseAddress)
  }

  @Test func pagesCanBeReleased() throws {
    let count = 4 << 20
    let archive = TorchArchive(
      .dictionary([("big", .tensor(storage: 0, shape: [count], strides: [1]))]),
      storages: [.init("ByteStorage", [UInt8](repeating: 7, count: count))])
    let temporary = try TemporaryFile(archive.bytes())
    let file = try PyTorchFile(temporary.path)
    let tensor = try file.tensor("big")
    #expect(tensor.bytes.allSatisfy { $0 == 7 })
    #expect(try residentBytes(of: temporary.path) >= count)
    tensor.releasePages()
    #expect(try residentBytes(of: temporary.path) < 64 << 10)
    #expect(tensor.bytes.allSatisfy { $0 == 7 })
    try file.verifyChecksums()
    #expect(try residentBytes(of: temporary.path) < 64 << 10)
    withExtendedLifetime((file, tensor)) {}  // Mapped until here; the name may be gone.
  }

  /// Bytes of a mapped file that are in this process's memory.
  private func residentBytes(of path: String) throws -> Int {
    let name = URL(fileURLWithPath: path).lastPathComponent
    // A piece at a time until there are no more: one read of such a file gives only its beginning.
    let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/smaps"))
    var contents = Data()
    while let piece = try handle.read(upToCount: 4096), !piece.isEmpty { contents += piece }
    let lines = String(decoding: contents, as: UTF8.self).split(separator: "\n")
    let start = try #require(lines.firstIndex { $0.contains(name) })
    let line = try #require(lines[start...].first { $0.hasPrefix("Rss:") })
    return try #require(Int(line.split(separator: " ")[1])) * 1024
  }

  @Test func damageIsFound() throws {
    // Stored: nobody reads the elements before they are asked for.
    var bytes = PyTorchFileTests.bytes(.stored)
    let place = try #require(bytes.firstRange(of: [0, 0, 0xA0, 0x40])).lowerBound  // 5 as f32
    bytes[place] ^= 1
    let stored = try TemporaryFile(bytes)
    let file = try PyTorchFile(stored.path)
    let error = #expect(throws: CheckpointError.self) { try file.verifyChecksums() }
    #expect(try #require(error).description.contains("'archive/data/0' is damaged"))

    // The pickle: at once.
    bytes = PyTorchFileTests.bytes(.stored)
    bytes[try #require(bytes.firstRange(of: Array("metadata".utf8))).lowerBound] ^= 1
    let spoiled = try TemporaryFile(bytes)
    let second = #expect(throws: CheckpointError.self) { try PyTorchFile(spoiled.path) }
    #expect(try #require(second).description.contains("'archive/data.pkl' is damaged"))
  }

  @Test func deflatedDamageIsFoundWhenItIsRead() throws {
    var writer = ZipWriter()
    writer.add("a/data.pkl", SampleCheckpoints.pickle(protocol: 2))
    for (index, storage) in SampleCheckpoints.storages.enumerated() {
      writer.add(
        "a/data/\(index)", index == 0 ? storage.bytes + [0] : storage.bytes, deflated: true,
        declaredSize: storage.bytes.count)
    }
    writer.add("a/version", Array("3".utf8))
    let temporary = try TemporaryFile(writer.finished())
    let file = try PyTorchFile(temporary.path)
    #expect(try file.tensor("model.brain").floats() == [1, -2.5])
    let error = #expect(throws: CheckpointError.self) { try file.tensor("model.plain") }
    #expect(try #require(error).description.contains("does not inflate to 48 bytes"))
  }
}
