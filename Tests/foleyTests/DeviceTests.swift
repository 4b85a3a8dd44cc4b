import Foundation
import Tensors
import TestSupport
import Testing

@testable import foley

/// `foley devices` and `--device`, by the real binary with a driver that poses as others.
@Suite(.serialized) struct DeviceTests {
  /// Runs the program with the mock, which is used as it should be and left with nothing.
  private func run(
    _ arguments: [String], posing words: String, mayLeave: Bool = false, in folder: URL,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Run {
    let report = folder.appendingPathComponent(".report")
    let run = try Program.run(
      arguments, in: folder,
      environment: [
        "FOLEY_CUDA_DRIVER": MockDriver.library.path,
        "MOCK_CUDA": words + ";report=\(report.path)",
      ])
    let faults = try JSONDecoder().decode(MockDriver.Report.self, from: Data(contentsOf: report))
      .faults
      .filter { !mayLeave || !$0.hasSuffix(" left") }
    #expect(faults == [], sourceLocation: sourceLocation)
    return run
  }

  private func devices(posing words: String) throws -> (cuda: [String: Any], gpus: [[String: Any]])
  {
    try withFolder { folder in
      let run = try run(["devices", "--json"], posing: words, in: folder)
      #expect(run.status == 0 && run.error.isEmpty, "\(run.error)")
      let object = try run.object()
      let gpus = try #require(object["gpus"] as? [[String: Any]])
      let usable = gpus.first { $0["problem"] == nil }?["device"] as? String
      #expect(object["auto"] as? String == usable ?? "cpu")
      return (try #require(object["cuda"] as? [String: Any]), gpus)
    }
  }

  /// As it is on most machines.
  private static let nothing = ["FOLEY_CUDA_DRIVER": "libnone.so.1"]

  @Test func withoutADriver() throws {
    try withFolder { folder in
      let run = try Program.run(["devices"], in: folder, environment: Self.nothing)
      #expect(run.status == 0 && run.error.isEmpty)
      #expect(run.text.hasPrefix("cpu\n  instructions    "))
      #expect(
        run.text.hasSuffix(
          """
          cuda
            cannot be used: no NVIDIA driver: libnone.so.1 was not found

          --device auto takes cpu.

          """), "\(run.text)")
      let object = try Program.run(["devices", "--json"], in: folder, environment: Self.nothing)
        .object()
      let cpu = try #require(object["cpu"] as? [String: Any])
      #expect((cpu["threads"] as? Int ?? 0) > 0 && cpu["instructions"] is String)
      #expect((object["gpus"] as? [Any])?.isEmpty == true)
    }
  }

  @Test func unknownInstructionSet() throws {
    try withFolder { folder in
      let run = try Program.run(["devices"], in: folder, environment: ["FOLEY_SIMD": "sse9"])
      #expect(run.status == 64)
    }
  }

  @Test(arguments: [
    "version=11040":
      "the NVIDIA driver is for CUDA 11.4, which is older than 11.8: install a newer one",
    "devices=none": "the NVIDIA driver finds no GPU",
    "fail=cuInit#1:803": "the NVIDIA driver does not start: cuInit failed: "
      + "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803), system has unsupported display driver / cuda "
      + "driver combination. The driver was renewed while it was in use: restart the machine",
    "fail=cuDeviceTotalMem#1:999":
      "the GPU failed: cuDeviceTotalMem failed: CUDA_ERROR_UNKNOWN (999), unknown error",
  ]) func noUsableDriver(_ words: String, _ problem: String) throws {
    let (cuda, gpus) = try devices(posing: words)
    #expect(cuda["problem"] as? String == problem)
    #expect(gpus.isEmpty)
  }

  @Test func twoCards() throws {
    let (cuda, gpus) = try devices(
      posing: "version=12040;device=NVIDIA A100-SXM4-80GB|8.0|81920|80000;"
        + "device=NVIDIA GeForce RTX 3060|8.6|12288|5120")
    #expect(cuda["version"] as? String == "12.4" && cuda["problem"] == nil)
    #expect(gpus.map { $0["device"] as? String } == ["cuda:0", "cuda:1"])
    #expect(
      gpus.map { $0["name"] as? String } == ["NVIDIA A100-SXM4-80GB", "NVIDIA GeForce RTX 3060"])
    #expect(gpus.map { $0["computeCapability"] as? String } == ["8.0", "8.6"])
    #expect(gpus[1]["totalBytes"] as? Int == 12288 << 20)
    let code = try #require(cuda["code"] as? [String])
    if code.isEmpty {
      #expect(gpus.allSatisfy { $0["problem"] as? String == "this build holds no device code" })
    } else {
      #expect(gpus[1]["freeBytes"] as? Int == 5120 << 20)
      #expect(gpus.map { $0["code"] as? String } == ["sm_80", "sm_86"])
      #expect(gpus.allSatisfy { $0["problem"] == nil })
    }
  }

  @Test func oldAndNewCards() throws {
    let (cuda, gpus) = try devices(
      posing: "device=GeForce GTX 980|5.2|4096|4000;device=NVIDIA B200|10.0|183359|183000")
    guard cuda["code"] as? [String] != [] else { return }
    #expect(
      gpus[0]["problem"] as? String
        == "compute capability 5.2 is not supported: the kernels need 8.0 or newer")
    #expect(gpus[1]["code"] as? String == "PTX compute_80")
  }

  /// One card that fails hides no other.
  @Test func oneCardFails() throws {
    let (cuda, gpus) = try devices(
      posing: "device=A|8.0|1000|900;device=B|8.0|1000|900;fail=cuDevicePrimaryCtxRetain#1:46")
    guard cuda["code"] as? [String] != [] else { return }
    #expect((gpus[0]["problem"] as? String)?.contains("Another process has the GPU") == true)
    #expect(gpus[1]["code"] as? String == "sm_80")
  }

  /// Whatever fails, the program tells what it could find, and gives everything back.
  @Test func everyFailure() throws {
    try withFolder { folder in
      let words = "device=A|8.0|1000|900;device=B|8.6|1000|900"
      _ = try run(["devices", "--json"], posing: words, in: folder)
      let report = try JSONDecoder().decode(
        MockDriver.Report.self, from: Data(contentsOf: folder.appendingPathComponent(".report")))
      for call in 1...report.calls {
        let run = try run(["devices", "--json"], posing: "\(words);fail=\(call):999", in: folder)
        #expect(run.status == 0 && run.error.isEmpty, "call \(call): \(run.error)")
        #expect(try run.object()["cpu"] != nil)
      }
    }
  }

  @Test func asText() throws {
    try withFolder { folder in
      let run = try run(
        ["devices"], posing: "device=NVIDIA GeForce GTX 980|5.2|4096|4000", in: folder)
      #expect(run.status == 0)
      // Beside the processor's part, which differs from machine to machine.
      let text = run.text[(run.text.range(of: "cuda:0")?.lowerBound ?? run.text.startIndex)...]
      let lines = text.split(separator: "\n").map(String.init)
      #expect(
        Array(lines.prefix(5)) == [
          "cuda:0", "  name            NVIDIA GeForce GTX 980",
          "  architecture    5.2, 108 multiprocessors", "  memory          4.0 GiB",
          "  driver          for CUDA 12.4",
        ])
      #expect(lines.contains { $0.hasPrefix("  cannot be used  ") })
    }
  }

  /// A device that fails in the middle of an operation ends the program in its usual ways.
  @Test func failureInAnOperation() async throws {
    let full = await #expect(
      processExitsWith: .exitCode(75), observing: [\.standardErrorContent]
    ) {
      try Interruption.watch()
      DeviceFailure.end("out of GPU memory: 5.0 GiB more could not be had", isTemporary: true)
    }
    #expect(
      String(decoding: full?.standardErrorContent ?? [], as: UTF8.self)
        == "Error: out of GPU memory: 5.0 GiB more could not be had\n")
    await #expect(processExitsWith: .exitCode(70)) {
      try Interruption.watch()
      DeviceFailure.end("the GPU failed", isTemporary: false)
    }
  }

  // MARK: --device

  @Test(arguments: [
    "no-driver": "", "old-driver": "version=11040", "no-gpu": "devices=none",
    "no-such-gpu": "device=A|8.0|1000|900",
  ]) func deviceThatIsNotThere(_ name: String, _ words: String) throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let arguments = ["generate", "clip.mp4", "-q", "--device", "cuda:1"]
      let run =
        words.isEmpty
        ? try Program.run(arguments, in: folder, environment: Self.nothing)
        : try run(arguments, posing: words, in: folder)
      #expect(run.status == 69)
      #expect(try files(in: folder) == ["clip.mp4"])
      try expectSnapshot(run.error, "error-device-\(name)")
    }
  }

  /// A batch tells it once, before any item.
  @Test func batch() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let run = try Program.run(
        ["batch", ".", "--output-dir", "out", "--device", "cuda"], in: folder,
        environment: Self.nothing)
      #expect(run.status == 69)
      #expect(run.error.contains("no NVIDIA driver: libnone.so.1 was not found"))
      #expect(try files(in: folder) == ["clip.mp4"])
    }
  }

  /// Who asks for the processor pays nothing for the search.
  @Test func noSearchUnasked() throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let report = folder.appendingPathComponent(".report")
      let run = try Program.run(
        ["generate", "clip.mp4", "-p", "rain", "--steps", "1", "-q", "--device", "cpu"],
        in: folder,
        environment: [
          "FOLEY_CUDA_DRIVER": MockDriver.library.path, "MOCK_CUDA": "report=\(report.path)",
        ])
      #expect(run.status == 0 && run.error.isEmpty, "\(run.error)")
      #expect(!FileManager.default.fileExists(atPath: report.path), "the driver was loaded")
    }
  }

  /// Whatever keeps GPUs from computing, `auto` says nothing and takes the processor.
  @Test(arguments: [
    "fail=cuInit#1:803", "devices=none", "device=A|5.2|4096|4000", "device=A|8.0|4096|100",
    "fail=cuModuleLoadDataEx#1:200",
    // Its kernels do nothing.
    "device=A|8.0|16384|16000",
    // It fails at the first work; what it holds then goes with the process.
    "device=A|8.0|16384|16000;fail=cuLaunchKernel#3:719",
    "device=A|8.0|16384|16000;fail=cuMemAlloc#4:2",
  ]) func autoTakesTheProcessor(_ words: String) throws {
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 1, in: folder)
      let run = try run(
        ["generate", "clip.mp4", "-p", "rain", "--steps", "1", "--json", "-q"], posing: words,
        mayLeave: words.contains("fail=cuLaunchKernel"), in: folder)
      #expect(run.status == 0 && run.error.isEmpty, "\(run.error)")
      #expect((try run.object()["backend"] as? String)?.hasPrefix("cpu") == true)
    }
  }

  /// A whole run on a GPU whose kernels are emulated, from the clip's pictures to the sound: as the processor's, but
  /// for what bf16 loses. The second step is taken down in a graph, the third one is done by it.
  @Test(.enabled(if: Shared.directory != nil, "the folder ../shared with the fixtures is absent"))
  func makesASound() throws {
    let model = try #require(Shared.directory)
      .appendingPathComponent("reference/goldens/published-layout").path
    let kernels = MockDriver.library.deletingLastPathComponent()
      .appendingPathComponent("libEmulatedCUDA.so").path
    try withFolder { folder in
      try Clips.moving("clip.mp4", seconds: 0.64, in: folder)
      func make(_ device: String) throws -> [Float] {
        let arguments = [
          "generate", "clip.mp4", "-m", model, "-p", "rain", "--steps", "3", "--json", "-q",
          "--device", device, "-o", "\(device).wav",
        ]
        let run =
          device == "cpu"
          ? try Program.run(arguments, in: folder)
          : try run(
            arguments, posing: "device=A|8.0|16384|16000;kernels=\(kernels)", in: folder)
        #expect(run.status == 0 && run.error.isEmpty, "\(run.error)")
        let backend = try run.object()["backend"] as? String
        #expect(backend?.hasPrefix(device == "cpu" ? "cpu" : "cuda:0 (A, sm_80)") == true)
        return try Wave(folder.appendingPathComponent("\(device).wav")).samples
      }
      let (expected, found) = (try make("cpu"), try make("auto"))
      #expect(expected.count == found.count)
      func product(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
      let correlation =
        product(expected, found)
        / (product(expected, expected) * product(found, found)).squareRoot()
      #expect(correlation > 0.99, "\(correlation)")
    }
  }
}
