import ArgumentParser
import CPUBackend
import CUDABackend
import CUDADevice
import FoleyKit

/// Where the arithmetic runs: `--device`.
enum DeviceChoice: Equatable {
  case auto
  case cpu
  /// A GPU by its number, or the first that can be used.
  case cuda(Int?)

  static let help = ArgumentHelp(
    "Where to compute: auto, cpu, cuda, or cuda:N; auto takes a GPU whose free memory holds the model, else "
      + "the processor. foley devices tells which there are.")
  static let completion = CompletionKind.list(["auto", "cpu", "cuda", "cuda:0"])

  /// What a model computes with.
  ///
  /// - Parameters:
  ///   - threads: of the processor.
  ///   - ram: bytes of the machine's memory a run may take; nil: what there is to spare.
  ///   - vram: the same of a GPU's, where that computes.
  /// - Throws: `DeviceUnavailable`, but never with `auto`; and what is wrong with the model.
  func resources(
    for model: any ModelDescription, threads: Int, precision: Precision?, ram: Int? = nil,
    vram: Int? = nil
  ) throws -> ModelResources {
    if let gpu = try gpu(for: model, precision, vram: vram) {
      return ModelResources(
        backend: gpu, threads: threads,
        memory: MemoryBudget(gpu: try gpu.context.memory().free, given: vram), precision: precision)
    }
    return ModelResources(
      backend: try CPUBackend(threads: threads), threads: threads,
      memory: MemoryBudget(bytes: ram), precision: precision)
  }

  /// Whether there is such a device, without making anything ready on it.
  func check() throws {
    guard case .cuda(let number) = self else { return }
    try explained { () throws(CUDAError) in _ = try CUDADriver.system.get().usableGPU(number) }
  }

  /// The GPU to compute on; nil: none.
  private func gpu(
    for model: any ModelDescription, _ precision: Precision?, vram: Int?
  ) throws -> CUDABackend? {
    switch self {
    case .cpu: return nil
    case .cuda(let number):
      return try explained { () throws(CUDAError) in
        let driver = try CUDADriver.system.get()
        return try CUDABackend(
          CUDAContext(driver, driver.usableGPU(number)), memoryLimit: vram)
      }
    case .auto:
      // Whatever is wrong with drivers and GPUs, there is a processor.
      guard case .success(let driver) = CUDADriver.system,
        let gpus = DeviceChoice.ifThere({ () throws(CUDAError) in try driver.gpus() })
      else { return nil }
      let need = try model.memoryNeed(precision: precision, on: CPUBackend(threads: 1)).least
      for gpu in gpus {
        let found = DeviceChoice.ifThere { () throws(CUDAError) -> CUDABackend? in
          _ = try DeviceCode.choices(for: gpu)
          let context = try CUDAContext(driver, gpu)
          let free = try context.memory().free
          guard min(free, vram ?? free) >= need else { return nil }
          return try CUDABackend(context, memoryLimit: vram)
        }
        if let found, let backend = found, DeviceProof.holds(for: backend) { return backend }
      }
      return nil
    }
  }

  private static func ifThere<Result>(_ body: () throws(CUDAError) -> Result) -> Result? {
    do throws(CUDAError) { return try body() } catch { return nil }
  }

  private func explained<Result>(_ body: () throws(CUDAError) -> Result) throws -> Result {
    do throws(CUDAError) {
      return try body()
    } catch {
      throw DeviceUnavailable(self, "\(error)", isTemporary: error.isTemporary)
    }
  }
}

extension DeviceChoice: ExpressibleByArgument {
  init?(argument: String) {
    switch argument {
    case "auto": self = .auto
    case "cpu": self = .cpu
    default:
      guard let gpu = GPUName(argument) else { return nil }
      self = .cuda(gpu.number)
    }
  }

  var description: String {
    switch self {
    case .auto: "auto"
    case .cpu: "cpu"
    case .cuda(let number): GPUName(number: number).description
    }
  }

  var defaultValueDescription: String { description }
}

/// A device that was asked for and cannot compute.
struct DeviceUnavailable: Error, CustomStringConvertible {
  let device: DeviceChoice
  let reason: String
  /// Whether it may be there another time.
  let isTemporary: Bool

  init(_ device: DeviceChoice, _ reason: String, isTemporary: Bool) {
    self.device = device
    self.reason = reason
    self.isTemporary = isTemporary
  }

  var description: String {
    "--device \(device.description): \(reason); --device cpu needs no GPU"
  }
}
