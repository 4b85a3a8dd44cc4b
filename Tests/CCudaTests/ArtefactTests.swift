import Foundation
import Testing

@testable import FoleyKit

/// The compiled device code is committed, so that a build needs no CUDA. It must be that of the sources beside it.
@Suite struct ArtefactTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Sources/CCuda")

  private static func names(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(
      atPath: folder.appendingPathComponent(path).path
    ).map { "\(path)/\($0)" }
  }

  /// As Scripts/cuda/compile.py computes it.
  @Test func sourcesHaveNotChanged() throws {
    let sources = try ["include/foley_cuda_kernels.h"] + ArtefactTests.names("kernels").sorted()
    let list = try sources.map {
      "\(try SHA256.hash(ofFile: ArtefactTests.folder.appendingPathComponent($0).path))  \($0)\n"
    }.joined()
    let recorded = try String(
      contentsOf: ArtefactTests.folder.appendingPathComponent("artefacts/SOURCE-HASH"),
      encoding: .utf8)
    #expect(
      SHA256.hash(Array(list.utf8)) + "\n" == recorded,
      "the kernels have changed: run Scripts/cuda/build and commit Sources/CCuda/artefacts")
  }

  @Test func everyArchitectureIsThere() throws {
    let wanted = ["SOURCE-HASH", "compute_80.ptx", "sm_80.cubin", "sm_86.cubin", "sm_90.cubin"]
    #expect(try ArtefactTests.names("artefacts").sorted() == wanted.map { "artefacts/\($0)" })
    for name in wanted {
      let bytes = try Data(
        contentsOf: ArtefactTests.folder.appendingPathComponent("artefacts/\(name)"))
      #expect(!bytes.isEmpty && bytes.count < 2_000_000, "\(name) has \(bytes.count) bytes")
      // Where it was built is not to be found in it.
      #expect(
        bytes.range(of: Data(ArtefactTests.folder.path.utf8)) == nil, "\(name) names its folder")
      if name.hasSuffix("cubin") {
        #expect(bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]), "\(name)")
      }
    }
  }
}
