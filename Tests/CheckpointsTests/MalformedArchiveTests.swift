import Checkpoints
import Foundation
import TestSupport
import Testing

/// Archives and pickles that are refused, each for its own reason.
@Suite struct MalformedArchiveTests {
  private func expectRefusal(_ bytes: [UInt8], _ reason: String) throws {
    let file = try TemporaryFile(bytes)
    let error = #expect(throws: CheckpointError.self) { try CheckpointFile.open(file.path) }
    let message = try #require(error).description
    #expect(message.hasPrefix(file.path + ": not a valid checkpoint: "))
    #expect(message.contains(reason), "\(message)")
  }

  // MARK: What is no archive of PyTorch's

  @Test(arguments: [
    ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "Git LFS pointer"),
    ("<!DOCTYPE html>\n<html></html>", "web page"),
    ("\n  <?xml version=\"1.0\"?><Error/>", "web page"),
    ("PK", "neither a safetensors nor a PyTorch zip file"),
    ("{\"weight_map\": {}}", "neither a safetensors nor"),
  ])
  func saysWhatItIs(text: String, reason: String) throws {
    try expectRefusal(Array(text.utf8), reason)
  }

  @Test func namesOldFormats() throws {
    let magic: [UInt8] = [
      0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
    ]
    try expectRefusal(magic, "torch.save(torch.load(path, weights_only=True), path)")
    try expectRefusal(SampleCheckpoints.pickle(protocol: 4), "bare Python pickle")
  }

  @Test func namesTheOtherFormat() throws {
    let zip = try TemporaryFile(SampleCheckpoints.pyTorch().bytes())
    let first = #expect(throws: CheckpointError.self) { try SafetensorsFile(zip.path) }
    #expect(try #require(first).description.contains("this is a zip file"))
    let other = try TemporaryFile(SampleCheckpoints.safetensors)
    let second = #expect(throws: CheckpointError.self) { try PyTorchFile(other.path) }
    #expect(try #require(second).description.contains("this is a safetensors file"))
  }

  /// Every prefix of a good file is refused, whatever it is cut in.
  @Test func refusesTruncatedFiles() throws {
    let whole = SampleCheckpoints.pyTorch().bytes()
    for count in 1..<whole.count {
      _ = whole[..<count].withUnsafeBytes { bytes in
        #expect(throws: CheckpointError.self, "\(count) bytes") {
          try CheckpointFile(bytes: bytes, name: "file")
        }
      }
    }
  }

  // MARK: The zip file

  private func zip(_ build: (inout ZipWriter) -> Void) -> [UInt8] {
    var writer = ZipWriter()
    build(&writer)
    return writer.finished()
  }

  @Test func refusesOddArchives() throws {
    let pickle: [UInt8] = Array("}.".utf8)
    try expectRefusal(zip { $0.add("a/b", []) }, "no data.pkl")
    try expectRefusal(zip { $0.add("data.pkl", pickle) }, "no data.pkl")
    try expectRefusal(
      zip {
        $0.add("a/data.pkl", pickle)
        $0.add("b/data.pkl", pickle)
      }, "several data.pkl")
    try expectRefusal(
      zip {
        $0.add("a/data.pkl", pickle)
        $0.add("a/data.pkl", pickle)
      }, "names 'a/data.pkl' twice")
    try expectRefusal(
      zip {
        $0.add("a/data.pkl", pickle)
        $0.add("a/constants.pkl", pickle)
      }, "TorchScript")
    try expectRefusal(zip { $0.add("a/data.pkl", pickle) }, "'a/version' is missing")
    try expectRefusal(
      zip { $0.add("a/data.pkl", pickle, declaredSize: 1 << 30) }, "is stored in 2 bytes")
    try expectRefusal(
      zip { $0.add("a/data.pkl", pickle, deflated: true, declaredSize: 1 << 30) },
      "cannot hold 1073741824 bytes")
  }

  @Test(arguments: [
    ("big", "3", "big-endian"), ("middle", "3", "neither 'little' nor 'big'"),
    ("little", "11", "format version"), ("little", "three", "format version"),
  ])
  func refusesOtherVersions(order: String, version: String, reason: String) throws {
    var archive = SampleCheckpoints.pyTorch()
    archive.byteOrder = order
    archive.version = version
    try expectRefusal(archive.bytes(), reason)
  }

  @Test func acceptsWhatOlderVersionsLeaveOut() throws {
    var archive = SampleCheckpoints.pyTorch()
    archive.byteOrder = nil
    archive.folder = "epoch 3"
    let file = try TemporaryFile(archive.bytes())
    #expect(try CheckpointFile.open(file.path).keys.count == 7)
    var writer = ZipWriter()
    writer.add("a/data.pkl", SampleCheckpoints.pickle(protocol: 2))
    for (index, storage) in SampleCheckpoints.storages.enumerated() {
      writer.add("a/data/\(index)", storage.bytes)
    }
    writer.add("a/version", Array("3".utf8))
    let commented = try TemporaryFile(writer.finished(comment: "a comment"))
    #expect(try CheckpointFile.open(commented.path).keys.count == 7)
  }

  @Test func refusesDamagedDirectories() throws {
    let whole = SampleCheckpoints.pyTorch().bytes()
    let entry = try #require(whole.firstRange(of: [0x50, 0x4B, 1, 2])).lowerBound
    func with(_ value: UInt8, at place: Int) -> [UInt8] {
      var bytes = whole
      bytes[place] = value
      return bytes
    }
    try expectRefusal(with(1, at: entry + 8), "is encrypted")
    try expectRefusal(with(9, at: entry + 10), "unsupported method 9")
    try expectRefusal(with(0, at: entry + 3), "zip directory is damaged")
    try expectRefusal(with(0xFF, at: entry + 46), "name that is not UTF-8")
    try expectRefusal(with(UInt8(ascii: "b"), at: entry + 46), "not where the zip directory says")
    try expectRefusal(with(0x7F, at: entry + 45), "beyond the file")
    try expectRefusal(with(1, at: whole.count - 18), "one part of several")
    try expectRefusal(with(0x7F, at: whole.count - 3), "zip directory would be")
  }

  // MARK: The pickle

  private func pickle(_ parts: Any...) -> [UInt8] {
    var bytes: [UInt8] = [0x80, 2]
    for part in parts {
      switch part {
      case let text as String: bytes += Array(text.utf8)
      case let code as Int: bytes.append(UInt8(code))
      default: preconditionFailure("neither text nor a code")
      }
    }
    return bytes
  }

  private func expectRefusal(pickle: [UInt8], _ reason: String) throws {
    try expectRefusal(
      TorchArchive(pickle: pickle, storages: SampleCheckpoints.storages.map(\.bytes)).bytes(),
      reason)
  }

  @Test func runsNothing() throws {
    let trace = NSTemporaryDirectory() + "/foley-pickle-\(UUID().uuidString)"
    let command = "touch \(trace)"
    let call = "X" + String(UnicodeScalar(UInt8(command.utf8.count))) + "\0\0\0" + command
    try expectRefusal(pickle: pickle("cposix\nsystem\n(", call, "tR."), "it wants 'posix.system'")
    try expectRefusal(
      pickle: pickle("c__builtin__\neval\n(", call, "tR."), "it wants '__builtin__.eval'")
    try expectRefusal(
      pickle: pickle(0x8C, 2, "os", 0x8C, 6, "system", 0x93, "(", call, "tR."),
      "it wants 'os.system'")
    try expectRefusal(pickle: pickle("(iposix\nsystem\n."), "INST (0x69) is not allowed")
    try expectRefusal(
      pickle: pickle("ccollections\nOrderedDict\n)", 0x81, "."), "NEWOBJ (0x81) is not allowed")
    try expectRefusal(pickle: pickle("(ccollections\nOrderedDict\no."), "OBJ (0x6f)")
    try expectRefusal(pickle: pickle(0x82, 1, "."), "EXT1 (0x82)")
    try expectRefusal(pickle: pickle("Pfile\n."), "PERSID (0x50)")
    try expectRefusal(pickle: pickle(0xFF), "0xff is not allowed")
    // A name that would break the message is made harmless.
    try expectRefusal(pickle: pickle(0x8C, 3, "a\nb", 0x8C, 1, "c", 0x93, "."), #"'a\nb.c'"#)
    #expect(!FileManager.default.fileExists(atPath: trace))
  }

  @Test func refusesBrokenPickles() throws {
    try expectRefusal(pickle: pickle(), "it is cut off")
    try expectRefusal(pickle: [0x80, 6, 0x2E], "unknown pickle protocol 6")
    try expectRefusal(pickle: pickle("."), "ends with values left over")
    try expectRefusal(pickle: pickle("NN."), "ends with values left over")
    try expectRefusal(pickle: pickle("(N."), "ends with values left over")
    try expectRefusal(pickle: pickle("R"), "a value is needed where there is none")
    try expectRefusal(pickle: pickle("N(", 0x85), "a value is needed where there is none")
    try expectRefusal(pickle: pickle("t"), "a mark is needed")
    try expectRefusal(pickle: pickle("h", 9), "memo 9 was never set")
    try expectRefusal(pickle: pickle("j\u{1}\u{1}\u{1}\u{1}"), "memo 16843009 was never set")
    try expectRefusal(pickle: pickle("X", 0x7F, 0x7F, 0x7F, 0x7F), "2139062143 bytes are announced")
    try expectRefusal(pickle: pickle(0x8D, "abcdefgh"), "bytes are announced")
    try expectRefusal(pickle: pickle(0x8C, 1, 0xFF, "."), "text that is not UTF-8")
    try expectRefusal(pickle: pickle("c", String(repeating: "a", count: 2000)), "name without end")
    try expectRefusal(pickle: pickle("NNa."), "is not a list")
    try expectRefusal(pickle: pickle("}(Ku."), "values left over")
    try expectRefusal(pickle: pickle("}(NNNu."), "a dictionary key without a value")
    try expectRefusal(pickle: pickle("}NNs."), "neither text nor a number")
    try expectRefusal(pickle: pickle("}K", 1, "NsK", 1, "Ns."), "the key '1' twice")
    try expectRefusal(pickle: pickle("ccollections\nOrderedDict\n."), "a class or a bare storage")
    try expectRefusal(pickle: pickle("ccollections\nOrderedDict\nN", 0x85, "R."), "do not fit")
    try expectRefusal(pickle: pickle("NQ."), "a tuple is expected")
    try expectRefusal(pickle: pickle("N)R."), "no function")
    try expectRefusal(pickle: pickle(")Q."), "no storage")
    try expectRefusal(pickle: pickle("N}b."), "a dictionary is expected")
    try expectRefusal(
      pickle: pickle("ctorch\nComplexFloatStorage\n."),
      "in a 'torch.ComplexFloatStorage' are not supported")
  }

  @Test func refusesWhatGrowsWithoutEnd() throws {
    // A list in itself, many lists in each other, and lists that hold the one before many times.
    try expectRefusal(pickle: pickle("]q", 0, "h", 0, "a."), "more than 64 deep")
    try expectRefusal(
      pickle: pickle(
        "]", String(repeating: "]", count: 100), String(repeating: "a", count: 100), "."),
      "more than 64 deep")
    try expectRefusal(pickle: pickle(String(repeating: "(", count: 65)), "more than 64 deep")
    var lists: [UInt8] = [0x80, 2, UInt8(ascii: "(")]
    for level in 0..<40 {
      lists += Array("](".utf8)
      if level > 0 { lists += [0x68, 0, 0x68, 0] }
      lists += Array("eq".utf8) + [0]
    }
    try expectRefusal(pickle: lists + Array("t.".utf8), "far larger")
    // A long text many times.
    var texts: [UInt8] = [0x80, 2, UInt8(ascii: "("), UInt8(ascii: "X"), 0, 0, 1, 0]
    texts += [UInt8](repeating: 0x61, count: 1 << 16) + [0x71, 0]
    for _ in 0..<10 { texts += [0x68, 0] }
    try expectRefusal(pickle: texts + Array("t.".utf8), "far larger")
  }

  // MARK: Tensors

  private func expectRefusal(
    storage: Int = 0, offset: Int = 0, shape: [Int], strides: [Int], _ reason: String
  ) throws {
    let value = Pickled.dictionary([
      ("w", .tensor(storage: storage, offset: offset, shape: shape, strides: strides))
    ])
    try expectRefusal(TorchArchive(value, storages: SampleCheckpoints.storages).bytes(), reason)
  }

  @Test func refusesTensorsOutsideTheirStorage() throws {
    let beyond = "reaches beyond its storage of 12 elements"
    try expectRefusal(shape: [13], strides: [1], beyond)
    try expectRefusal(offset: 9, shape: [2, 2], strides: [2, 1], beyond)
    try expectRefusal(offset: 12, shape: [], strides: [], beyond)
    try expectRefusal(shape: [2, 2], strides: [.max, 1], beyond)
    try expectRefusal(shape: [3, 2], strides: [.max, 1], beyond)
    try expectRefusal(offset: -1, shape: [2], strides: [1], "begins at element -1")
    try expectRefusal(offset: 13, shape: [0], strides: [1], "begins at element 13")
    try expectRefusal(shape: [2], strides: [-1], "negative stride")
    try expectRefusal(shape: [-2], strides: [1], "negative dimension")
    try expectRefusal(shape: [2, 2], strides: [1], "2 dimensions and 1 strides")
    try expectRefusal(shape: [1 << 33, 1 << 33], strides: [0, 0], "overflows")
    try expectRefusal(shape: [0, 1 << 40, 1 << 40], strides: [1, 1, 1], "overflows")
    try expectRefusal(shape: [1 << 20, 1 << 20], strides: [0, 0], "would unfold a storage of 12")
    try expectRefusal(shape: [Int](repeating: 1, count: 9), strides: [], "at most 8")
  }

  @Test func refusesStoragesOfAnotherSize() throws {
    var archive = SampleCheckpoints.pyTorch()
    archive.storages[0].removeLast(4)
    try expectRefusal(archive.bytes(), "'archive/data/0', which has 44 bytes")
    archive.storages[0] += [0, 0, 0, 0]
    archive.storages.removeLast()
    try expectRefusal(archive.bytes(), "'archive/data/4' is missing")
  }

  /// A deflated record that no tensor matches is refused without inflating it.
  @Test func refusesBombs() throws {
    var archive = SampleCheckpoints.pyTorch()
    archive.storages[0] = [UInt8](repeating: 0, count: 32 << 20)
    try expectRefusal(archive.bytes(deflated: true), "which has 33554432 bytes")
    // One that a tensor does match, but that is beyond all measure.
    var writer = ZipWriter()
    let count = 65 << 20
    let value = Pickled.dictionary([("w", .tensor(storage: 0, shape: [count], strides: [1]))])
    writer.add("a/data.pkl", PickleWriter.pickle(value, storages: [("ByteStorage", count)]))
    writer.add("a/data/0", [UInt8](repeating: 0, count: count), deflated: true)
    writer.add("a/version", Array("3".utf8))
    try expectRefusal(writer.finished(), "would inflate to \(count) bytes")
  }

  @Test func refusesNamesThatMeet() throws {
    let tensor = Pickled.tensor(storage: 0, shape: [1], strides: [1])
    try expectRefusal(
      TorchArchive(
        .dictionary([("a.b", tensor), ("a", .dictionary([("b", tensor)]))]),
        storages: SampleCheckpoints.storages
      ).bytes(), "two tensors are called 'a.b'")
    try expectRefusal(
      TorchArchive(
        .dictionary([(String(repeating: "long", count: 300), tensor)]),
        storages: SampleCheckpoints.storages
      ).bytes(), "the name of a tensor is too long")
  }
}
