import CCuda
import Foundation

/// The NVIDIA driver, loaded and ready. It stays loaded until the process ends.
public final class CUDADriver: Sendable {
  public static let library = "libcuda.so.1"
  /// The name of the environment variable that names another library.
  public static let environmentVariable = "FOLEY_CUDA_DRIVER"
  /// The least version device code runs with.
  public static let neededVersion = CUDAVersion(number: Int(FoleyCudaNeededVersion))

  /// Of CUDA, that the driver is made for.
  public let version: CUDAVersion
  // Written once, before anyone else sees it.
  nonisolated(unsafe) private let table: UnsafeMutablePointer<FoleyCudaDriver>

  /// The driver of this machine, or the one `FOLEY_CUDA_DRIVER` names; looked for at the first use.
  public static let system: Result<CUDADriver, CUDAError> = {
    let given = ProcessInfo.processInfo.environment[environmentVariable] ?? ""
    do throws(CUDAError) {
      return .success(try CUDADriver(library: given.isEmpty ? library : given))
    } catch {
      return .failure(error)
    }
  }()

  /// - Parameter library: a file's name as `dlopen` takes it.
  public init(library: String) throws(CUDAError) {
    let table = UnsafeMutablePointer<FoleyCudaDriver>.allocate(capacity: 1)
    table.initialize(to: FoleyCudaDriver())
    var text = [CChar](repeating: 0, count: 512)
    let load = foley_cuda_load(library, table, &text, text.count)
    let words = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    version = CUDAVersion(number: Int(load.version))
    self.table = table
    // From here on `deinit` frees the table.
    switch load.outcome {
    case FoleyCudaLoaded: break
    case FoleyCudaLibraryMissing: throw .noDriver(library: library)
    case FoleyCudaTooOld: throw .driverTooOld(version, needed: CUDADriver.neededVersion)
    case FoleyCudaFunctionMissing: throw .incompleteDriver(function: words)
    case FoleyCudaCallFailed:
      if Int(load.code) == FoleyCudaNoDevice { throw .noDevice }
      throw .driverFailed(failure(load.code, words))
    default:
      // The loader repeats the name.
      let prefix = library + ": "
      throw .unusableDriver(
        library: library,
        reason: words.hasPrefix(prefix) ? String(words.dropFirst(prefix.count)) : words)
    }
  }

  deinit { table.deallocate() }

  /// The driver's functions, without a check of what they return.
  var functions: UnsafePointer<FoleyCudaDriver> { UnsafePointer(table) }

  /// - Parameter function: the name for the error.
  func check(_ code: FoleyCudaResult, _ function: StaticString) throws(CUDAError) {
    if code != FoleyCudaSuccess { throw .failed(failure(code, "\(function)")) }
  }

  func failure(_ code: FoleyCudaResult, _ function: String) -> CUDAFailure {
    CUDAFailure(
      function: function, code: Int(code), name: word(code, functions.pointee.getErrorName),
      text: word(code, functions.pointee.getErrorString))
  }

  private func word(
    _ code: FoleyCudaResult,
    _ function:
      (
        @convention(c) (FoleyCudaResult, UnsafeMutablePointer<UnsafePointer<CChar>?>?) ->
          FoleyCudaResult
      )?
  ) -> String {
    var text: UnsafePointer<CChar>?
    // Missing where the driver's version cannot even be asked for.
    guard let function, function(code, &text) == FoleyCudaSuccess, let text else { return "" }
    return String(cString: text)
  }
}
