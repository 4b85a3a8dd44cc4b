import CPUBackend
import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import FoleyKit

@Suite(.enabled(if: Shared.directory != nil, "the folder ../shared with the fixtures is absent"))
struct ImportTests {
  private let backend: CPUBackend

  init() throws { backend = try CPUBackend(threads: 1) }

  private func published() throws -> any ModelDescription {
    let folder = try #require(Shared.directory)
      .appendingPathComponent("reference/goldens/published-layout")
    return try ModelFamilies.describe(ModelFolder.find(folder.path))
  }

  private func run(
    _ folder: URL, precision: Precision? = nil, overwrite: Bool = false
  ) throws -> [String] {
    var written: [String] = []
    try ModelImport(published(), into: folder.path, precision: precision, on: backend)
      .run(overwrite: overwrite) { progress in
        let name = String(progress.file.dropFirst(folder.path.count + 1))
        if written.last != name { written.append(name) }
        #expect((0...progress.total).contains(progress.done))
      }
    return written
  }

  private func sound(_ description: any ModelDescription) throws -> [Float] {
    final class Samples: SoundSink {
      var samples: [Float] = []
      func start(expectedSamples: Int?) throws {}
      func write(_ samples: [Float]) throws { self.samples += samples }
    }
    let sink = Samples()
    _ = try Pipeline(model: description, ModelResources(backend: backend, threads: 1)).generate(
      GenerationRequest(source: .black(seconds: 1), prompt: "rain", seed: 3, steps: 2), into: sink)
    return sink.samples
  }

  private static let files = [
    "clap/model.safetensors", "siglip2/model.safetensors", "synchformer_state_dict.safetensors",
    "hunyuanvideo_foley_xl.safetensors", "vae_128d_48k.safetensors",
  ]

  /// The imported model makes the same bytes as the published one, from less.
  @Test func theSoundStaysTheSame() throws {
    try withFolder { folder in
      #expect(try run(folder) == Self.files)
      let imported = try ModelFamilies.describe(ModelFolder.find(folder.path))
      for inspection in try imported.verify(on: backend) {
        #expect(inspection.faults.isEmpty && inspection.unknown.isEmpty, "\(inspection.file)")
      }
      #expect(try sound(imported) == sound(published()))
      for file in Self.files {
        let source = try SafetensorsFile(folder.appendingPathComponent(file).path)
        #expect(!source.keys.contains { $0.hasSuffix("weight_g") || $0.hasPrefix("afeat") })
        for key in source.keys {
          let tensor = try source.tensor(key)
          let address = UInt(bitPattern: tensor.bytes.baseAddress)
          #expect(address % UInt(tensor.dtype.size) == 0, "\(key) can be used where it lies")
        }
      }
    }
  }

  /// What is there already is not made again; what was cut off is.
  @Test func aBrokenRunGoesOn() throws {
    try withFolder { folder in
      _ = try run(folder)
      #expect(try run(folder).isEmpty)
      try FileManager.default.removeItem(at: folder.appendingPathComponent("config.yaml"))
      try FileManager.default.removeItem(at: folder.appendingPathComponent(Self.files[2]))
      #expect(try run(folder) == [Self.files[2]])
      #expect(
        FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.yaml").path))
    }
  }

  @Test func otherFilesAreReplacedOnRequestOnly() throws {
    try withFolder { folder in
      _ = try run(folder)
      let error = try #require(throws: FoleyError.self) { try run(folder, precision: .f32) }
      #expect(error.description.contains("hunyuanvideo_foley_xl.safetensors: exists already"))
      #expect(try run(folder, precision: .f32, overwrite: true) == [Self.files[3]])
      let transformer = try SafetensorsFile(folder.appendingPathComponent(Self.files[3]).path)
      #expect(try transformer.tensor("time_in.mlp.0.weight").dtype == .f32)
      try Data("not a checkpoint".utf8).write(to: folder.appendingPathComponent(Self.files[0]))
      #expect(throws: FoleyError.self) { try run(folder, precision: .f32) }
      #expect(try run(folder, precision: .f32, overwrite: true) == [Self.files[0]])
    }
  }

  @Test func theEmbeddedModelNeedsNone() throws {
    let models = Shared.repository.appendingPathComponent("Models").path
    let mini = try ModelFamilies.describe(ModelFolder.find("mini", in: [models]))
    #expect(throws: FoleyError.self) {
      try ModelImport(mini, into: "/nowhere", precision: nil, on: backend)
    }
    for inspection in try mini.verify(on: backend) {
      #expect(inspection.faults.isEmpty && inspection.unknown.isEmpty, "\(inspection.file)")
      #expect(inspection.tensors > 0)
    }
  }
}
