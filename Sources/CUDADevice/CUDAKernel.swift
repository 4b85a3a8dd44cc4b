import CCuda
import Synchronization

/// Device code on a GPU.
public final class CUDAModule: Sendable {
  public let context: CUDAContext
  /// What of the choices is loaded.
  public let code: DeviceCode
  nonisolated(unsafe) private let handle: FoleyCudaModule

  /// The best of this build's code that the GPU takes.
  public convenience init(_ context: CUDAContext) throws(CUDAError) {
    try self.init(context, DeviceCode.choices(for: context.gpu))
  }

  /// - Parameter choices: tried one after the other for as long as the driver says that code is not for this GPU.
  public init(_ context: CUDAContext, _ choices: [DeviceCode]) throws(CUDAError) {
    var refused = CUDAError.noDeviceCode
    var found: (FoleyCudaModule, DeviceCode)?
    for code in choices where found == nil {
      do throws(CUDAError) {
        found = (try CUDAModule.load(code, context), code)
      } catch .badDeviceCode(let code, let failure, let log)
        where failure.code == FoleyCudaNoBinaryForGPU
      {
        refused = .badDeviceCode(code: code, failure, log: log)
      }
    }
    guard let found else { throw refused }
    self.context = context
    (handle, code) = found
  }

  deinit { context.release { $0.moduleUnload(handle) } }

  private static func load(
    _ code: DeviceCode, _ context: CUDAContext
  ) throws(CUDAError) -> FoleyCudaModule {
    var module: FoleyCudaModule?
    var log = [CChar](repeating: 0, count: 8192)
    let size = log.count - 1
    do throws(CUDAError) {
      try context.call("cuModuleLoadDataEx") { functions in
        log.withUnsafeMutableBufferPointer { log in
          var keys = [Int32(FoleyCudaErrorLog), Int32(FoleyCudaErrorLogBytes)]
          // The driver takes a number in the place of a pointer.
          var values = [
            UnsafeMutableRawPointer(log.baseAddress), UnsafeMutableRawPointer(bitPattern: size),
          ]
          return functions.moduleLoadDataEx(&module, code.image.baseAddress, 2, &keys, &values)
        }
      }
    } catch .failed(let failure) where failure.function == "cuModuleLoadDataEx" {
      if failure.code == FoleyCudaOutOfMemory {
        let memory = try context.memory()
        throw .outOfMemory(wanted: code.image.count, free: memory.free, total: memory.total)
      }
      let text = log.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
      throw .badDeviceCode(code: code.description, failure, log: text)
    }
    return module!
  }

  /// - Throws: `noKernel`.
  public func kernel(_ name: String) throws(CUDAError) -> CUDAKernel {
    var function: FoleyCudaFunction?
    do throws(CUDAError) {
      try context.call("cuModuleGetFunction") { $0.moduleGetFunction(&function, handle, name) }
    } catch .failed(let failure) where failure.code == FoleyCudaNotFound {
      throw .noKernel(name)
    }
    return try CUDAKernel(self, name, function!)
  }
}

/// One function of the device code.
public final class CUDAKernel: Sendable {
  public let name: String
  /// The most threads of a block, for the registers it uses.
  public let blockThreads: Int
  private let module: CUDAModule
  nonisolated(unsafe) private let handle: FoleyCudaFunction
  private let staticSharedBytes: Int
  /// Dynamic shared memory it may have; more than 48 KiB is given on request only.
  private let allowedSharedBytes = Mutex(48 << 10)

  init(_ module: CUDAModule, _ name: String, _ handle: FoleyCudaFunction) throws(CUDAError) {
    self.module = module
    self.name = name
    self.handle = handle
    func attribute(_ which: Int) throws(CUDAError) -> Int {
      var value: Int32 = 0
      try module.context.call("cuFuncGetAttribute") {
        $0.funcGetAttribute(&value, Int32(which), handle)
      }
      return Int(value)
    }
    blockThreads = try attribute(FoleyCudaFunctionBlockThreads)
    staticSharedBytes = try attribute(FoleyCudaFunctionStaticSharedBytes)
    // What is used statically counts towards the 48 KiB.
    let free = max(0, (48 << 10) - staticSharedBytes)
    allowedSharedBytes.withLock { $0 = free }
  }

  /// Puts a run of the kernel into a stream.
  ///
  /// - Parameters:
  ///   - arguments: the one structure the kernel takes by value; copied before this returns.
  ///   - sharedBytes: of dynamic shared memory.
  /// - Throws: `launchTooLarge`, and whatever earlier work on this GPU failed by.
  public func launch<Arguments: BitwiseCopyable>(
    _ arguments: Arguments, grid: Extent, block: Extent, sharedBytes: Int = 0, on stream: CUDAStream
  ) throws(CUDAError) {
    try check(grid, block, sharedBytes)
    try allow(sharedBytes)
    var arguments = arguments
    var size = MemoryLayout<Arguments>.size
    try stream.context.call("cuLaunchKernel") { functions in
      withUnsafeMutableBytes(of: &arguments) { arguments in
        withUnsafeMutableBytes(of: &size) { size in
          var extra: (Int, UnsafeMutableRawPointer?, Int, UnsafeMutableRawPointer?, Int) = (
            1, arguments.baseAddress, 2, size.baseAddress, 0
          )
          return withUnsafeMutableBytes(of: &extra) { extra in
            functions.launchKernel(
              handle, UInt32(grid.x), UInt32(grid.y), UInt32(grid.z), UInt32(block.x),
              UInt32(block.y), UInt32(block.z), UInt32(sharedBytes), stream.handle, nil,
              extra.assumingMemoryBound(to: UnsafeMutableRawPointer?.self).baseAddress)
          }
        }
      }
    }
  }

  private func check(_ grid: Extent, _ block: Extent, _ sharedBytes: Int) throws(CUDAError) {
    precondition(grid.count > 0 && block.count > 0, "\(name): nothing to launch")
    let limits = module.context.gpu.limits
    func demand(_ asked: Int, _ limit: Int, _ what: String) throws(CUDAError) {
      if asked > limit {
        throw .launchTooLarge(kernel: name, what: what, asked: asked, limit: limit)
      }
    }
    try demand(block.count, min(blockThreads, limits.blockThreads), "threads in a block")
    try demand(grid.x, limits.grid.x, "blocks in the first direction")
    try demand(grid.y, limits.grid.y, "blocks in the second direction")
    try demand(grid.z, limits.grid.z, "blocks in the third direction")
    try demand(
      sharedBytes + staticSharedBytes, limits.sharedBytes, "bytes of shared memory in a block")
  }

  private func allow(_ bytes: Int) throws(CUDAError) {
    try allowedSharedBytes.withLock { allowed throws(CUDAError) in
      guard bytes > allowed else { return }
      try module.context.call("cuFuncSetAttribute") {
        $0.funcSetAttribute(handle, Int32(FoleyCudaFunctionDynamicSharedBytes), Int32(bytes))
      }
      allowed = bytes
    }
  }
}
