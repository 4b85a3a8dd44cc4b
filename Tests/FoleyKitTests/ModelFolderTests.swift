import Foundation
import TestSupport
import Testing

@testable import FoleyKit

@Suite struct SHA256Tests {
  /// Examples of FIPS 180-4, and lengths around a block.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      String(repeating: "a", count: 1_000_000),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
  ]) func knownHashes(text: String, hash: String) {
    #expect(SHA256.hash(Array(text.utf8)) == hash)
  }

  @Test func ofAFileInPieces() throws {
    try withFolder { folder in
      for count in [0, 1, 1 << 20, (1 << 20) + 63, 3 << 20] {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let url = folder.appendingPathComponent("file")
        try Data(bytes).write(to: url)
        #expect(try SHA256.hash(ofFile: url.path) == SHA256.hash(bytes), "\(count) bytes")
      }
    }
  }
}

@Suite struct ModelFolderTests {
  @Test func namesAreFoundInOrder() throws {
    try withFolder { folder in
      for place in ["first/a", "second/a", "second/b"] {
        try write(#"{"family": "mini"}"#, "\(place)/config.json", in: folder)
      }
      let path = ["first", "second"].map { folder.appendingPathComponent($0).path }
      #expect(try ModelFolder.find("a", in: path).path.hasSuffix("first/a"))
      #expect(try ModelFolder.find("b", in: path).path.hasSuffix("second/b"))
      #expect(try ModelFolder.all(in: path).map(\.name) == ["a", "b"])
      let error = #expect(throws: FoleyError.self) { try ModelFolder.find("c", in: path) }
      #expect(error?.description.contains("second") == true, "says where it looked")
    }
  }

  @Test func filesAreChecked() throws {
    try withFolder { folder in
      let model = folder.appendingPathComponent("Models/m").path
      try write(#"{"family": "mini"}"#, "Models/m/config.json", in: folder)
      try write("abc", "Models/m/right", in: folder)
      try write("abd", "Models/m/damaged", in: folder)
      try write("abcd", "Models/m/longer", in: folder)
      let hash = SHA256.hash(Array("abc".utf8))
      let entries = ["right", "damaged", "longer", "absent"].map {
        #"{"file": "m/\#($0)", "bytes": 3, "sha256": "\#(hash)"}"#
      }
      try write(
        #"{"files": [\#(entries.joined(separator: ","))]}"#, "Models/manifest.json", in: folder)
      var states: [String: ModelFile.State] = [:]
      for file in try ModelFolder(path: model).files() { states[file.name] = file.state }
      #expect(
        states == [
          "right": .verified, "damaged": .wrongHash, "longer": .wrongSize, "absent": .missing,
          "config.json": .unlisted,
        ])
    }
  }

  @Test func theEmbeddedModelIsWhole() throws {
    let models = Shared.repository.appendingPathComponent("Models").path
    let folder = try ModelFolder.find("mini", in: [models])
    let description = try ModelFamilies.describe(folder)
    #expect(description.family == "mini")
    let wish = PictureWish(rate: 2, form: .square(side: 224))
    #expect(description.pictures(prompt: "") == PictureWishes(visual: wish))
    #expect(description.pictures(prompt: "rain") == PictureWishes(), "a prompt saves the looking")
    for file in try folder.files() {
      #expect(file.state == .verified, "\(file.name)")
    }
  }

  private func write(_ text: String, _ name: String, in folder: URL) throws {
    let url = folder.appendingPathComponent(name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }
}
