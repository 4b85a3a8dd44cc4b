import CPUBackend
import Foundation
import ReferenceBackend
import Tensors
import TestSupport
import Testing

@testable import foley_bench

/// The recorded fixtures, through the same code as `foley-bench parity`.
@Suite(.enabled(if: Shared.directory != nil, "the folder ../shared with the fixtures is absent"))
struct ParityTests {
  private func folder(_ name: String) throws -> String {
    try #require(Shared.directory).appendingPathComponent("reference/goldens/" + name).path
  }

  @Test(
    arguments: [
      ("dit-forward-short", 11), ("dit-forward-quirk", 11), ("dit-forward-long", 11),
      ("dit-trajectory-euler", 14), ("wordpiece-tokenizer", 1), ("siglip2-vision", 3),
      ("siglip2-preprocess", 9), ("synchformer-visual", 4), ("synchformer-preprocess", 6),
      ("text-tokenizer", 1), ("clap-text", 3), ("dac-decode", 8), ("synchformer-offset", 1),
    ], [BackendChoice.cpu, .reference])
  func agrees(fixture: (name: String, outputs: Int), backend: BackendChoice) throws {
    let (name, outputs) = fixture
    let lines = ParityCheck(backend: try backend.make(threads: 2)).compare(try folder(name))
    #expect(lines.count == outputs)
    for line in lines { #expect(line.passed, "\(line.line)") }
  }

  /// Those that take the naive loops minutes; the last is a whole published folder, from frames to sound.
  @Test(arguments: [("dac-encode", 6), ("synchformer-audio", 4), ("published-layout", 5)])
  func fastKernelsAgree(fixture: (name: String, outputs: Int)) throws {
    let lines = ParityCheck(backend: try CPUBackend(threads: 2)).compare(try folder(fixture.name))
    #expect(lines.count == fixture.outputs)
    for line in lines { #expect(line.passed, "\(line.line)") }
  }

  @Test(arguments: ["dit-trajectory-heun-2", "dit-trajectory-midpoint-2"])
  func unusableLoopsAreSkipped(name: String) throws {
    let lines = ParityCheck(backend: Reference()).compare(try folder(name))
    #expect(lines.count == 1 && lines[0].passed)
    #expect(lines[0].line.contains("ends before sigma 0"))
  }

  private static let minilm = ProcessInfo.processInfo.environment["FOLEY_MINILM"]

  @Test(.enabled(if: minilm != nil, "FOLEY_MINILM does not name the folder of the f32 weights"))
  func sentenceEncoderAgrees() throws {
    let check = ParityCheck(backend: try CPUBackend(threads: 2), minilm: ParityTests.minilm)
    let lines = check.compare(try folder("minilm-text"))
    #expect(lines.count == 4)
    for line in lines { #expect(line.passed, "\(line.line)") }
  }

  @Test func sentenceEncoderNeedsItsWeights() throws {
    let lines = ParityCheck(backend: Reference()).compare(try folder("minilm-text"))
    #expect(lines.count == 1 && !lines[0].passed)
    #expect(lines[0].line.contains("--minilm"))
  }
}

@Suite struct ParityCheckTests {
  private let backend = Reference()

  /// A folder with a fixture of a module nobody knows, tolerance 1e-3.
  private func fixture(_ body: (Fixture) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("foley-fixture-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(#"{"module": "m", "config": {}, "tolerance": {"relative_l2": 1e-3}}"#.utf8)
      .write(to: folder.appendingPathComponent("fixture.json"))
    try body(Fixture(folder.path))
  }

  @Test func aMissIsAMiss() throws {
    try fixture { fixture in
      func passed(_ values: [Float], _ shape: Shape = [2]) -> Bool {
        Comparison(
          fixture: fixture, output: "x", computed: backend.tensor(values, shape),
          recorded: HostTensor(copying: [3, 4] as [Float], shape: [2], dtype: .f32)
        ).passed
      }
      #expect(passed([3, 4]))
      #expect(passed([3, 4.004]))
      #expect(!passed([3, 4.01]))
      #expect(!passed([3, .nan]))
      #expect(!passed([.infinity, 4]))
      #expect(!passed([3, 4], [1, 2]))
    }
  }

  @Test func otherModulesAreNamed() throws {
    try fixture { fixture in
      let lines = ParityCheck(backend: backend).compare(fixture.folder.path)
      #expect(lines.count == 1 && !lines[0].passed)
      #expect(lines[0].line.contains("'m' is not supported yet"))
    }
  }

  @Test func aMissingFolderIsALine() {
    let lines = ParityCheck(backend: backend).compare("/nowhere/at/all")
    #expect(lines.count == 1 && !lines[0].passed)
    #expect(lines[0].line.contains("/nowhere/at/all/fixture.json"))
  }
}
