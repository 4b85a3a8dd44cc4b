import ArgumentParser
import CPUBackend
import CUDADevice
import Foundation

struct Devices: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the processor and the GPUs, and what of them can be used.",
    discussion: """
      What --device takes, which code would run there, or why none can.

      Examples:
        foley devices
        foley devices --json
      """)

  @Flag(help: "Print a JSON object.")
  var json = false

  func run() throws {
    let found = try DeviceReport()
    Terminal.output(json ? JSON.text(found) + "\n" : found.text)
  }
}

/// Everything that could compute, and what keeps it from it.
struct DeviceReport: Encodable {
  struct Processor: Encodable {
    /// In use; `FOLEY_SIMD` may ask for others.
    var instructions: String
    var supported: [String]
    var threads: Int
  }

  /// The driver, or why there is none.
  struct CUDA: Encodable {
    /// Of CUDA, that the driver is made for.
    var version: String?
    var neededVersion: String
    /// The code this build holds.
    var code: [String]
    /// Why no GPU can be used.
    var problem: String?
  }

  struct Card: Encodable {
    /// As `--device` takes it.
    var device: String
    var name: String
    var computeCapability: String
    var multiprocessors: Int
    var totalBytes: Int
    var freeBytes: Int?
    var busID: String
    var uuid: String
    /// What will run on it.
    var code: String?
    /// Why it cannot be used.
    var problem: String?
  }

  /// What `--device auto` takes for a model that fits into its memory.
  var auto = "cpu"
  var cpu: Processor
  var cuda: CUDA
  var gpus: [Card] = []

  init() throws {
    cpu = Processor(
      instructions: try SIMDLevel.preferred().description,
      supported: SIMDLevel.allCases.filter(\.isSupported).map(\.description),
      threads: ProcessInfo.processInfo.activeProcessorCount)
    cuda = CUDA(
      neededVersion: CUDADriver.neededVersion.description,
      code: DeviceCode.embedded.map(\.description))
    do throws(CUDAError) {
      let driver = try CUDADriver.system.get()
      cuda.version = driver.version.description
      gpus = try driver.gpus().map { DeviceReport.card($0, driver) }
      if let usable = gpus.first(where: { $0.problem == nil }) { auto = usable.device }
    } catch {
      if case .driverTooOld(let version, _) = error { cuda.version = version.description }
      cuda.problem = "\(error)"
    }
  }

  private static func card(_ gpu: GPU, _ driver: CUDADriver) -> Card {
    var card = Card(
      device: "cuda:\(gpu.number)", name: gpu.name, computeCapability: gpu.capability.description,
      multiprocessors: gpu.multiprocessors, totalBytes: gpu.memory, busID: gpu.busID,
      uuid: gpu.uuid)
    do throws(CUDAError) {
      let code = try DeviceCode.choices(for: gpu)
      // Loaded, for only the driver knows whether it takes it.
      let context = try CUDAContext(driver, gpu)
      card.freeBytes = try context.memory().free
      card.code = try CUDAModule(context, code).code.description
    } catch {
      card.problem = "\(error)"
    }
    return card
  }

  var text: String {
    var blocks = [
      "cpu\n"
        + DeviceReport.lines([
          ("instructions", "\(cpu.instructions), of \(cpu.supported.joined(separator: ", "))"),
          ("threads", "\(cpu.threads)"),
        ])
    ]
    if let problem = cuda.problem { blocks.append("cuda\n  cannot be used: \(problem)\n") }
    for card in gpus {
      var lines = [
        ("name", card.name),
        ("architecture", "\(card.computeCapability), \(card.multiprocessors) multiprocessors"),
        ("memory", DeviceReport.memory(card)),
        ("driver", "for CUDA \(cuda.version ?? "?")"),
        ("place", "\(card.busID), \(card.uuid)"),
      ]
      if let code = card.code { lines.append(("code", code)) }
      if let problem = card.problem { lines.append(("cannot be used", problem)) }
      blocks.append("\(card.device)\n" + DeviceReport.lines(lines))
    }
    let condition = auto == "cpu" ? "" : " for a model that fits into its free memory, else cpu"
    blocks.append("--device auto takes \(auto)\(condition).\n")
    return blocks.joined(separator: "\n")
  }

  private static func memory(_ card: Card) -> String {
    func gibibytes(_ bytes: Int) -> String { String(format: "%.1f", Double(bytes) / 0x1p30) }
    let total = "\(gibibytes(card.totalBytes)) GiB"
    return card.freeBytes.map { "\(gibibytes($0)) of \(total) free" } ?? total
  }

  private static func lines(_ pairs: [(String, String)]) -> String {
    pairs.map { name, value in
      "  " + name.padding(toLength: 16, withPad: " ", startingAt: 0) + value + "\n"
    }.joined()
  }
}
