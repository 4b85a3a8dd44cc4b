import CCuda

/// The compiled kernels, for one architecture.
public struct DeviceCode: Sendable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// For chips of the same major version, from this minor one on.
    case machineCode
    /// The driver translates it, for this architecture and every later one.
    case ptx
  }

  public let kind: Kind
  public let capability: ComputeCapability
  /// Constants of the program, or the caller's for as long as it is used.
  nonisolated(unsafe) public let image: UnsafeRawBufferPointer

  /// - Parameter image: PTX has a 0 after it.
  public init(_ kind: Kind, _ capability: ComputeCapability, image: UnsafeRawBufferPointer) {
    self.kind = kind
    self.capability = capability
    self.image = image
  }

  /// Such as sm_86.
  public var description: String {
    (kind == .ptx ? "PTX compute_" : "sm_") + "\(capability.major)\(capability.minor)"
  }

  /// Everything this build holds.
  public static let embedded: [DeviceCode] = {
    var count: Int32 = 0
    let codes = foley_cuda_code(&count)
    return (0..<Int(count)).map { index in
      let code = codes[index]
      return DeviceCode(
        code.isPTX != 0 ? .ptx : .machineCode,
        ComputeCapability(Int(code.capability) / 10, Int(code.capability) % 10),
        image: UnsafeRawBufferPointer(start: code.bytes, count: code.size))
    }
  }()

  /// What a GPU can run, the best first: never empty.
  ///
  /// - Throws: `noDeviceCode`, `unsupportedArchitecture`.
  public static func choices(
    for gpu: GPU, among codes: [DeviceCode] = embedded
  ) throws(CUDAError) -> [DeviceCode] {
    guard let least = codes.map(\.capability).min() else { throw .noDeviceCode }
    // Machine code of a desktop chip is not promised to run on an integrated one of the same major version.
    let native = codes.filter {
      $0.kind == .machineCode && !gpu.isIntegrated && $0.capability.major == gpu.capability.major
        && $0.capability <= gpu.capability
    }
    let translated = codes.filter { $0.kind == .ptx && $0.capability <= gpu.capability }
    let found = [native, translated].flatMap { $0.sorted { $0.capability > $1.capability } }
    guard !found.isEmpty else {
      throw .unsupportedArchitecture(
        gpu.capability,
        reason: gpu.capability < least
          ? "the kernels need \(least) or newer" : "this build has no code that would run on it")
    }
    return found
  }
}

extension CUDADriver {
  /// A GPU that this build has code for: the one of a number, or the first.
  ///
  /// - Throws: why there is none; of several, why the first cannot be used.
  public func usableGPU(_ number: Int? = nil) throws(CUDAError) -> GPU {
    if let number {
      let gpu = try gpu(numbered: number)
      _ = try DeviceCode.choices(for: gpu)
      return gpu
    }
    var failure: CUDAError?
    for gpu in try gpus() {
      do throws(CUDAError) {
        _ = try DeviceCode.choices(for: gpu)
        return gpu
      } catch {
        failure = failure ?? error
      }
    }
    throw failure ?? .noDevice
  }
}
