import Foundation
import TestSupport
import Testing

@testable import FoleyKit

/// The ways in which people's downloads lie on their disks.
@Suite struct HunyuanFilesTests {
  /// Makes empty files, and texts where they are read.
  private func fill(_ folder: URL, _ names: [String]) throws {
    for name in names {
      let url = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      let path = url.path
      let text: String
      switch true {
      case path.hasSuffix("-xxl.yaml"):
        text = "model_config:\n  model_name: HunyuanVideo-Foley-XXL\n"
      case path.hasSuffix(".yaml"):
        text = "model_config:\n  model_name: HunyuanVideo-Foley-XL\n"
      case path.contains("siglip") && path.hasSuffix("config.json"):
        text = #"{"model_type": "siglip"}"#
      case path.hasSuffix("config.json"): text = #"{"model_type": "clap"}"#
      default: text = ""
      }
      try Data(text.utf8).write(to: url)
    }
  }

  private static let own = [
    "m/config.yaml", "m/hunyuanvideo_foley_xl.pth", "m/vae_128d_48k.pth",
    "m/synchformer_state_dict.pth",
  ]
  private static func encoder(_ folder: String) -> [String] {
    ["config.json", "model.safetensors"].map { folder + "/" + $0 }
  }

  private func files(_ folder: URL, _ model: String = "m") throws -> HunyuanFiles {
    try HunyuanFiles(
      ModelFolder.find(folder.appendingPathComponent(model).path, in: []),
      environment: ["HF_HOME": folder.appendingPathComponent("home").path])
  }

  @Test(arguments: [
    ["m/siglip2", "m/clap"],
    ["m/google/siglip2-base-patch16-512", "m/laion/larger_clap_general"],
    ["siglip2-base-patch16-512", "larger_clap_general"],
    ["google/siglip2-base-patch16-512", "laion/larger_clap_general"],
    [
      "m/models--google--siglip2-base-patch16-512/snapshots/abc",
      "m/models--laion--larger_clap_general/snapshots/def",
    ],
    [
      "home/hub/models--google--siglip2-base-patch16-512/snapshots/abc",
      "home/hub/models--laion--larger_clap_general/snapshots/def",
    ],
  ]) func encodersAreFound(folders: [String]) throws {
    try withFolder { folder in
      try fill(folder, Self.own + folders.flatMap(Self.encoder))
      let files = try files(folder)
      #expect(files.siglip.path.hasSuffix(folders[0]))
      #expect(files.clap.path.hasSuffix(folders[1]))
      #expect(files.siglip.weights == "model.safetensors")
      #expect(files.transformer.hasSuffix("m/hunyuanvideo_foley_xl.pth"))
    }
  }

  /// A snapshot in the cache of the Hugging Face tools; the newest is the one `refs/main` names.
  @Test func aCacheIsAFolder() throws {
    try withFolder { folder in
      let cache = "hub/models--tencent--HunyuanVideo-Foley"
      for snapshot in ["1", "2", "3"] {
        try fill(
          folder,
          Self.own.map { cache + "/snapshots/" + snapshot + $0.dropFirst(1) })
      }
      try fill(
        folder,
        Self.encoder("hub/models--google--siglip2-base-patch16-512/snapshots/abc")
          + Self.encoder("hub/models--laion--larger_clap_general/snapshots/def"))
      try fill(folder, [cache + "/refs/main"])
      try Data("2\n".utf8).write(to: folder.appendingPathComponent(cache + "/refs/main"))
      let files = try files(folder, cache)
      #expect(files.transformer.hasSuffix("snapshots/2/hunyuanvideo_foley_xl.pth"))
      #expect(files.clap.path.hasSuffix("snapshots/def"))
    }
  }

  @Test func theConfigurationTellsTheSize() throws {
    try withFolder { folder in
      try fill(
        folder,
        Self.own + Self.encoder("m/siglip2") + Self.encoder("m/clap") + [
          "m/hunyuanvideo_foley.pth", "m/configs/hunyuanvideo-foley-xxl.yaml",
        ])
      #expect(try files(folder).transformer.hasSuffix("hunyuanvideo_foley_xl.pth"))
      // The file itself says which one is meant.
      let large = try files(folder, "m/hunyuanvideo_foley.pth")
      #expect(large.transformer.hasSuffix("m/hunyuanvideo_foley.pth"))
      #expect(large.configuration.hasSuffix("-xxl.yaml"))
      let small = try files(folder, "m/hunyuanvideo_foley_xl.pth")
      #expect(small.configuration.hasSuffix("m/config.yaml"))
    }
  }

  @Test func importedNamesAreKnown() throws {
    try withFolder { folder in
      let names = Self.own.map { $0.replacingOccurrences(of: ".pth", with: ".safetensors") }
      try fill(folder, names + Self.encoder("m/siglip2") + Self.encoder("m/clap"))
      #expect(try files(folder).decoder.hasSuffix("vae_128d_48k.safetensors"))
    }
  }

  @Test(arguments: [
    ("config.yaml", "holds no config.yaml"),
    (
      "hunyuanvideo_foley_xl.pth",
      "holds no hunyuanvideo_foley.pth and no hunyuanvideo_foley_xl.pth"
    ),
    ("vae_128d_48k.pth", "holds no vae_128d_48k.pth"),
    ("synchformer_state_dict.pth", "holds no synchformer_state_dict.pth"),
    ("siglip2/config.json", "holds no folder with google/siglip2-base-patch16-512"),
    ("siglip2/model.safetensors", "holds no model.safetensors beside config.json"),
    ("clap/config.json", "holds no folder with laion/larger_clap_general"),
  ]) func whatIsMissingIsTold(name: String, expected: String) throws {
    try withFolder { folder in
      try fill(folder, Self.own + Self.encoder("m/siglip2") + Self.encoder("m/clap"))
      try FileManager.default.removeItem(at: folder.appendingPathComponent("m/" + name))
      let error = try #require(throws: FoleyError.self) { try files(folder) }
      #expect(error.description.contains(expected), "\(error)")
    }
  }

  @Test func aSizeWithoutItsConfigurationIsTold() throws {
    try withFolder { folder in
      try fill(
        folder,
        Self.own + Self.encoder("m/siglip2") + Self.encoder("m/clap") + ["m/hunyuanvideo_foley.pth"]
      )
      let error = try #require(throws: FoleyError.self) {
        try files(folder, "m/hunyuanvideo_foley.pth")
      }
      #expect(error.description.contains("no configuration fits hunyuanvideo_foley.pth"))
    }
  }

  @Test func segmentsCoverTheWindow() {
    #expect(SyncSegments(frames: 200).tokens == 192)
    #expect(SyncSegments(frames: 25).tokens == 16)
    for frames in 1...23 { #expect(SyncSegments(frames: frames).count == 1) }
    #expect(SyncSegments(frames: 24).count == 2)
  }
}
