/// Why a GPU cannot be used, or what stopped it.
public enum CUDAError: Error, Equatable, Sendable {
  /// There is no driver's library.
  case noDriver(library: String)
  /// There is one that cannot be loaded.
  case unusableDriver(library: String, reason: String)
  /// The driver is made for an older CUDA than the device code is compiled by.
  case driverTooOld(CUDAVersion, needed: CUDAVersion)
  /// The library has no such function.
  case incompleteDriver(function: String)
  /// The driver cannot be made ready.
  case driverFailed(CUDAFailure)
  /// The driver is there, a GPU is not.
  case noDevice
  /// There are `count` GPUs; this number is none of theirs.
  case noSuchDevice(Int, count: Int)
  /// No code for this GPU can be made.
  case unsupportedArchitecture(ComputeCapability, reason: String)
  /// The build was made without the compiled kernels.
  case noDeviceCode
  /// The device code cannot be loaded; the log is the driver's own.
  case badDeviceCode(code: String, CUDAFailure, log: String)
  /// The device code has no such kernel.
  case noKernel(String)
  /// A kernel was asked for more than this GPU allows.
  case launchTooLarge(kernel: String, what: String, asked: Int, limit: Int)
  /// Bytes of GPU memory were not to be had, even after everything unused was given back.
  case outOfMemory(wanted: Int, free: Int, total: Int)
  /// More memory would exceed what was allowed.
  case overLimit(wanted: Int, used: Int, limit: Int)
  /// Host memory that copies can be made from was not to be had.
  case outOfHostMemory(wanted: Int)
  /// Anything else.
  case failed(CUDAFailure)

  /// Whether it may go well another time, with the same GPU.
  public var isTemporary: Bool {
    switch self {
    case .outOfMemory, .overLimit, .outOfHostMemory: true
    case .failed(let failure), .driverFailed(let failure): failure.isTemporary
    default: false
    }
  }

  /// Whether there is no GPU that could be used, as against one that failed.
  public var isAbsence: Bool {
    switch self {
    case .noDriver, .unusableDriver, .driverTooOld, .incompleteDriver, .driverFailed, .noDevice,
      .noSuchDevice, .unsupportedArchitecture, .noDeviceCode:
      true
    default: false
    }
  }
}

/// A call of the driver that failed.
public struct CUDAFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// Such as cuMemAlloc.
  public let function: String
  public let code: Int
  /// Such as CUDA_ERROR_ILLEGAL_ADDRESS; empty where the driver has none.
  public let name: String
  /// The same in words.
  public let text: String

  public init(function: String, code: Int, name: String, text: String) {
    self.function = function
    self.code = code
    self.name = name
    self.text = text
  }

  public var description: String {
    let cause = name.isEmpty ? "error \(code)" : "\(name) (\(code))"
    return "\(function) failed: \(cause)" + (text.isEmpty ? "" : ", \(text)")
      + (advice.map { ". \($0)" } ?? "")
  }

  var isTemporary: Bool { [2, 46, 802].contains(code) }

  /// What to do where that is known.
  private var advice: String? {
    switch code {
    case 34: "The library found is a stub for linking; the driver itself is not installed"
    case 46: "Another process has the GPU to itself; wait for it"
    case 802:
      "The machine's GPUs are not ready yet; with NVLink switches, is the fabric manager running?"
    case 803: "The driver was renewed while it was in use: restart the machine"
    case 804: "This forward compatibility library does not support the GPU"
    case 700, 716, 719:
      "A mistake in the program: please report it with the command line and the GPU's name"
    default: nil
    }
  }
}

extension CUDAError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noDriver(let library): "no NVIDIA driver: \(library) was not found"
    case .unusableDriver(let library, let reason):
      "no usable NVIDIA driver: \(library) cannot be loaded (\(reason))"
    case .driverTooOld(let version, let needed):
      "the NVIDIA driver is for CUDA \(version), which is older than \(needed): install a newer one"
    case .incompleteDriver(let function):
      "no usable NVIDIA driver: its library has no \(function)"
    case .driverFailed(let failure): "the NVIDIA driver does not start: \(failure)"
    case .noDevice: "the NVIDIA driver finds no GPU"
    case .noSuchDevice(let number, let count):
      "there is no GPU \(number); "
        + (count == 1 ? "the only one is cuda:0" : "there are cuda:0 to cuda:\(count - 1)")
    case .unsupportedArchitecture(let capability, let reason):
      "compute capability \(capability) is not supported: \(reason)"
    case .noDeviceCode: "this build holds no device code"
    case .badDeviceCode(let code, let failure, let log):
      "the device code \(code) cannot be loaded: \(failure)" + (log.isEmpty ? "" : "\n\(log)")
    case .noKernel(let name): "the device code has no kernel \(name)"
    case .launchTooLarge(let kernel, let what, let asked, let limit):
      "\(kernel) asks for \(asked) \(what), of which this GPU has \(limit)"
    case .outOfMemory(let wanted, let free, let total):
      "out of GPU memory: \(Bytes(wanted)) more could not be had, with \(Bytes(free)) of "
        + "\(Bytes(total)) free"
    case .overLimit(let wanted, let used, let limit):
      "out of GPU memory: \(Bytes(wanted)) more would exceed the limit of \(Bytes(limit)), of which "
        + "\(Bytes(used)) are in use"
    case .outOfHostMemory(let wanted):
      "out of memory: \(Bytes(wanted)) for copies to the GPU could not be had"
    case .failed(let failure): "the GPU failed: \(failure)"
    }
  }
}

/// Bytes for people: in the unit that GPUs are sold by, GB of 2^30, as the driver's own tools count.
struct Bytes: CustomStringConvertible {
  let count: Int

  init(_ count: Int) { self.count = count }

  var description: String {
    if count < 1 << 20 { return "\(count) bytes" }
    let tenths = (count >> 20) < 1024 ? (count * 10) >> 20 : (count * 10) >> 30
    return "\(tenths / 10).\(tenths % 10) \((count >> 20) < 1024 ? "MiB" : "GiB")"
  }
}

/// A version of CUDA.
public struct CUDAVersion: Comparable, Sendable, CustomStringConvertible {
  /// 1000 * major + 10 * minor, as the driver has it.
  let number: Int

  public init(number: Int) { self.number = number }
  public var description: String { "\(number / 1000).\(number % 1000 / 10)" }
  public static func < (a: CUDAVersion, b: CUDAVersion) -> Bool { a.number < b.number }
}

/// What a GPU's architecture is called where code is compiled for it.
public struct ComputeCapability: Comparable, Hashable, Sendable, CustomStringConvertible {
  public let major: Int
  public let minor: Int

  public init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  public var description: String { "\(major).\(minor)" }
  public static func < (a: ComputeCapability, b: ComputeCapability) -> Bool {
    (a.major, a.minor) < (b.major, b.minor)
  }
}
