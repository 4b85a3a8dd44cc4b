import CCuda

/// What the driver tells of a GPU.
public struct GPU: Sendable, Equatable {
  /// As in cuda:0.
  public let number: Int
  public let name: String
  public let capability: ComputeCapability
  public let multiprocessors: Int
  /// All its memory, in bytes.
  public let memory: Int
  /// Such as GPU-8f3c2a10-....
  public let uuid: String
  /// Its place in the machine, such as 0000:07:00.0.
  public let busID: String
  /// Part of a processor, with whose memory it works.
  public let isIntegrated: Bool
  public let limits: Limits

  /// The most a kernel's launch may ask for.
  public struct Limits: Sendable, Equatable {
    public let blockThreads: Int
    public let grid: Extent
    /// Shared memory of a block, static and dynamic.
    public let sharedBytes: Int
  }
}

/// Three dimensions of a launch: blocks of a grid, or threads of a block.
public struct Extent: Sendable, Equatable {
  public var x: Int
  public var y: Int
  public var z: Int

  public init(_ x: Int, _ y: Int = 1, _ z: Int = 1) {
    self.x = x
    self.y = y
    self.z = z
  }

  public var count: Int { x * y * z }
}

extension CUDADriver {
  /// All GPUs, in the driver's order, which `CUDA_VISIBLE_DEVICES` changes.
  ///
  /// - Throws: `noDevice` where there are none.
  public func gpus() throws(CUDAError) -> [GPU] {
    var count: Int32 = 0
    try check(functions.pointee.deviceGetCount(&count), "cuDeviceGetCount")
    guard count > 0 else { throw .noDevice }
    var gpus: [GPU] = []
    for number in 0..<Int(count) { gpus.append(try gpu(number)) }
    return gpus
  }

  /// - Throws: `noSuchDevice`.
  public func gpu(numbered number: Int) throws(CUDAError) -> GPU {
    let gpus = try gpus()
    guard gpus.indices.contains(number) else { throw .noSuchDevice(number, count: gpus.count) }
    return gpus[number]
  }

  private func gpu(_ number: Int) throws(CUDAError) -> GPU {
    let device = try ordinal(of: number)
    func attribute(_ which: Int) throws(CUDAError) -> Int {
      var value: Int32 = 0
      try check(
        functions.pointee.deviceGetAttribute(&value, Int32(which), device), "cuDeviceGetAttribute")
      return Int(value)
    }
    var bytes = 0
    try check(functions.pointee.deviceTotalMem(&bytes, device), "cuDeviceTotalMem")
    return GPU(
      number: number,
      name: try text("cuDeviceGetName") { functions.pointee.deviceGetName($0, $1, device) },
      capability: ComputeCapability(
        try attribute(FoleyCudaCapabilityMajor), try attribute(FoleyCudaCapabilityMinor)),
      multiprocessors: try attribute(FoleyCudaMultiprocessors), memory: bytes,
      uuid: try uuid(device),
      busID: try text("cuDeviceGetPCIBusId") {
        functions.pointee.deviceGetPCIBusId($0, $1, device)
      },
      isIntegrated: try attribute(FoleyCudaIsIntegrated) != 0,
      limits: GPU.Limits(
        blockThreads: try attribute(FoleyCudaMaximumBlockThreads),
        grid: Extent(
          try attribute(FoleyCudaMaximumGridX), try attribute(FoleyCudaMaximumGridY),
          try attribute(FoleyCudaMaximumGridZ)),
        sharedBytes: try attribute(FoleyCudaMaximumSharedBytes)))
  }

  func ordinal(of number: Int) throws(CUDAError) -> FoleyCudaOrdinal {
    var device: FoleyCudaOrdinal = 0
    try check(functions.pointee.deviceGet(&device, Int32(number)), "cuDeviceGet")
    return device
  }

  private func text(
    _ function: StaticString, _ get: (UnsafeMutablePointer<CChar>, Int32) -> FoleyCudaResult
  ) throws(CUDAError) -> String {
    var text = [CChar](repeating: 0, count: 256)
    // One less than there are: it ends in a 0 in any case.
    try check(text.withUnsafeMutableBufferPointer { get($0.baseAddress!, 255) }, function)
    return text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  private func uuid(_ device: FoleyCudaOrdinal) throws(CUDAError) -> String {
    var bytes = [UInt8](repeating: 0, count: 16)
    try check(functions.pointee.deviceGetUuid(&bytes, device), "cuDeviceGetUuid")
    let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    let groups = [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { digits[$0].joined() }
    return "GPU-" + groups.joined(separator: "-")
  }
}
