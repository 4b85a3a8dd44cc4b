import ArgumentParser
import CPUBackend
import CUDADevice
import Foundation
import Tensors

/// Where the arithmetic runs: `--device`.
enum DeviceChoice: Equatable {
  case auto
  case cpu
  /// A GPU by its number, or the first that can be used.
  case cuda(Int?)

  static let help = ArgumentHelp(
    "Where to compute: auto, cpu, cuda, or cuda:N; auto takes the best there is. foley devices tells "
      + "which there are.")
  static let completion = CompletionKind.list(["auto", "cpu", "cuda", "cuda:0"])

  /// What computes.
  ///
  /// - Throws: `DeviceUnavailable`; `auto` never does.
  func backend(threads: Int) throws -> any Backend {
    switch self {
    case .auto, .cpu: return try CPUBackend(threads: threads)
    case .cuda(let number):
      _ = try gpu(number)
      // No operation is implemented on a GPU yet.
      throw DeviceUnavailable(self, "this build computes on the processor only", isTemporary: false)
    }
  }

  /// Whether `backend` would find the device, without making anything ready on it.
  func check() throws {
    guard case .cuda = self else { return }
    _ = try backend(threads: 1)
  }

  /// A GPU that this build has code for, and the driver behind it.
  private func gpu(_ number: Int?) throws -> (CUDADriver, GPU) {
    do throws(CUDAError) {
      let driver = try CUDADriver.system.get()
      if let number {
        let gpu = try driver.gpu(numbered: number)
        _ = try DeviceCode.choices(for: gpu)
        return (driver, gpu)
      }
      let gpus = try driver.gpus()
      // Where none can be used, the first says why.
      var failure = CUDAError.noDevice
      for gpu in gpus {
        do throws(CUDAError) {
          _ = try DeviceCode.choices(for: gpu)
          return (driver, gpu)
        } catch {
          if gpu.number == 0 { failure = error }
        }
      }
      throw failure
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
    case "cuda": self = .cuda(nil)
    default:
      let prefix = "cuda:"
      let digits = argument.dropFirst(prefix.count)
      guard argument.hasPrefix(prefix), digits.allSatisfy(\.isNumber), let number = Int(digits)
      else { return nil }
      self = .cuda(number)
    }
  }

  var description: String {
    switch self {
    case .auto: "auto"
    case .cpu: "cpu"
    case .cuda(let number): number.map { "cuda:\($0)" } ?? "cuda"
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
