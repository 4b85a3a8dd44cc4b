import Foundation
import TestSupport
import Testing

@testable import CUDADevice

/// What is told of a driver and its GPUs, or of what keeps them from being used.
struct DriverTests {
  private func error(of words: String) throws -> CUDAError? {
    try withFolder { folder in
      let mock = try MockDriver(in: folder, words)
      return #expect(throws: CUDAError.self) { try CUDADriver(library: mock.path).gpus() }
    }
  }

  /// `--device auto` asks everywhere, also where nobody has a GPU. The best of several: others may be at work.
  @Test func absenceIsFoundAtOnce() {
    let times = (0..<5).map { _ in
      ContinuousClock().measure {
        #expect(throws: CUDAError.noDriver(library: "libnone.so.1")) {
          try CUDADriver(library: "libnone.so.1")
        }
      }
    }
    #expect(times.min()! < .milliseconds(20), "\(times)")
  }

  @Test func absentDriver() {
    let error = #expect(throws: CUDAError.self) { try CUDADriver(library: "libnone.so.1") }
    #expect(error == .noDriver(library: "libnone.so.1"))
    #expect("\(error!)" == "no NVIDIA driver: libnone.so.1 was not found")
  }

  @Test func unusableDriver() throws {
    try withFolder { folder in
      let file = folder.appendingPathComponent("libcuda.so.1").path
      try Data("not a library".utf8).write(to: URL(fileURLWithPath: file))
      let error = #expect(throws: CUDAError.self) { try CUDADriver(library: file) }
      guard case .unusableDriver(_, let reason) = error else {
        Issue.record("\(error!)")
        return
      }
      #expect(!reason.isEmpty && !reason.contains(file))
    }
  }

  /// A library that is none of NVIDIA's.
  @Test func otherLibrary() {
    let error = #expect(throws: CUDAError.self) { try CUDADriver(library: "libc.so.6") }
    #expect(error == .incompleteDriver(function: "cuDriverGetVersion"))
  }

  @Test func oldDriver() throws {
    let error = try error(of: "version=11040")
    #expect(
      "\(error!)"
        == "the NVIDIA driver is for CUDA 11.4, which is older than 11.8: install a newer one")
    #expect(error!.isAbsence && !error!.isTemporary)
  }

  @Test func oldestDriverThatIsEnough() throws {
    try withDriver("version=11080") { driver, _ in
      #expect(driver.version.description == "11.8")
    }
  }

  @Test func noDevice() throws {
    #expect(try error(of: "devices=none") == .noDevice)
  }

  @Test(arguments: [
    (803, "restart the machine"), (34, "stub for linking"), (999, "CUDA_ERROR_UNKNOWN (999)"),
    (802, "fabric manager"), (12345, "error 12345"),
  ]) func driverThatDoesNotStart(_ code: Int, _ words: String) throws {
    let error = try error(of: "fail=cuInit#1:\(code)")
    #expect("\(error!)".hasPrefix("the NVIDIA driver does not start: cuInit failed: "))
    #expect("\(error!)".contains(words), "\(error!)")
    #expect(error!.isTemporary == (code == 802))
  }

  @Test func versionThatCannotBeAsked() throws {
    let error = try error(of: "fail=cuDriverGetVersion#1:999")
    #expect("\(error!)" == "the NVIDIA driver does not start: cuDriverGetVersion failed: error 999")
  }

  /// Functions are found by their exported names where the driver cannot be asked for them.
  @Test func withoutLookup() throws {
    try withDriver("lookup=off") { driver, _ in
      let gpus = try driver.gpus()
      #expect(gpus.count == 1)
    }
  }

  @Test func facts() throws {
    let words =
      "version=12060;device=NVIDIA A100-SXM4-40GB|8.0|40960|40000;device=Orin|8.7|32000|9000|integrated"
    try withDriver(words) { driver, _ in
      #expect(driver.version.description == "12.6")
      let gpus = try driver.gpus()
      #expect(gpus.map(\.name) == ["NVIDIA A100-SXM4-40GB", "Orin"])
      #expect(gpus.map(\.number) == [0, 1])
      #expect(gpus.map(\.capability) == [ComputeCapability(8, 0), ComputeCapability(8, 7)])
      #expect(gpus.map(\.isIntegrated) == [false, true])
      #expect(gpus[0].memory == 40960 << 20)
      #expect(gpus[0].multiprocessors == 108)
      #expect(gpus[0].busID == "0000:07:00.0")
      #expect(gpus[1].uuid == "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f")
      #expect(gpus[0].limits.sharedBytes == 163 << 10)
      #expect(try driver.gpu(numbered: 1) == gpus[1])
      let error = #expect(throws: CUDAError.self) { try driver.gpu(numbered: 2) }
      #expect("\(error!)" == "there is no GPU 2; there are cuda:0 to cuda:1")
    }
  }

  @Test func memoryOfAGPU() throws {
    try withDriver("device=GPU|8.6|8192|5000") { driver, _ in
      let memory = try CUDAContext(driver, driver.gpu(numbered: 0)).memory()
      #expect(memory.free == 5000 << 20 && memory.total == 8192 << 20)
    }
  }
}

/// Which code runs where.
struct DeviceCodeTests {
  private static let all = [
    TestCode.machine(8, 0), TestCode.machine(8, 6), TestCode.machine(9, 0), TestCode.ptx,
  ]

  private func choices(
    _ major: Int, _ minor: Int, integrated: Bool = false, among codes: [DeviceCode] = all
  ) throws -> [String] {
    let gpu = GPU(
      number: 0, name: "GPU", capability: ComputeCapability(major, minor), multiprocessors: 1,
      memory: 1, uuid: "", busID: "", isIntegrated: integrated,
      limits: GPU.Limits(blockThreads: 1024, grid: Extent(1), sharedBytes: 1))
    return try DeviceCode.choices(for: gpu, among: codes).map(\.description)
  }

  @Test func bestFirst() throws {
    #expect(try choices(8, 0) == ["sm_80", "PTX compute_80"])
    #expect(try choices(8, 6) == ["sm_86", "sm_80", "PTX compute_80"])
    #expect(try choices(8, 9) == ["sm_86", "sm_80", "PTX compute_80"])
    #expect(try choices(9, 0) == ["sm_90", "PTX compute_80"])
    #expect(try choices(10, 0) == ["PTX compute_80"])
    #expect(try choices(12, 0) == ["PTX compute_80"])
    #expect(try choices(8, 7, integrated: true) == ["PTX compute_80"])
  }

  @Test func tooOld() throws {
    let error = #expect(throws: CUDAError.self) { try choices(7, 5) }
    #expect(
      "\(error!)" == "compute capability 7.5 is not supported: the kernels need 8.0 or newer")
  }

  @Test func noCodeForIt() throws {
    let error = #expect(throws: CUDAError.self) {
      try choices(9, 0, among: [TestCode.machine(8, 0)])
    }
    #expect(
      "\(error!)"
        == "compute capability 9.0 is not supported: this build has no code that would run on it")
  }

  @Test func noCodeAtAll() throws {
    let error = #expect(throws: CUDAError.self) { try choices(8, 0, among: []) }
    #expect(error == .noDeviceCode)
    #expect("\(error!)" == "this build holds no device code")
  }

  /// Whatever this build holds can be told apart, and is what it says.
  @Test func embedded() throws {
    for code in DeviceCode.embedded {
      let head = code.image.prefix(4)
      #expect(Array(head) == [0x7f, 0x45, 0x4c, 0x46] || code.kind == .ptx)
      if code.kind == .ptx { #expect(code.image.baseAddress![code.image.count] == 0) }
    }
    #expect(Set(DeviceCode.embedded.map(\.description)).count == DeviceCode.embedded.count)
  }
}

extension UnsafeRawPointer {
  fileprivate subscript(offset: Int) -> UInt8 { load(fromByteOffset: offset, as: UInt8.self) }
}
