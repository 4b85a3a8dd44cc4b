import CUDAEmulation
import Tensors
import TestSupport
import Testing

/// The freedom an emulated run takes, and the site that is weakened in it.
struct Variation: CustomStringConvertible {
  var mode = FoleyEmulationLate
  var seed: UInt64 = 1
  var weakened: Int32 = -1

  var description: String { "\(mode == FoleyEmulationLate ? "late" : "bursty"), seed \(seed)" }

  /// Both modes, more than one order in each.
  static let usual = [
    Variation(mode: FoleyEmulationLate, seed: 1), Variation(mode: FoleyEmulationBursty, seed: 2),
    Variation(mode: FoleyEmulationLate, seed: 3), Variation(mode: FoleyEmulationBursty, seed: 4),
  ]
}

/// A kernel did what real hardware would not have survived, or might not.
struct EmulationFault: Error, CustomStringConvertible {
  let description: String
}

/// Runs one kernel.
func launch<Parameters>(
  _ name: String, _ parameters: Parameters, _ launch: FoleyCudaLaunch, _ variation: Variation
) throws {
  guard let kernel = foley_emulated_kernel(name) else {
    throw EmulationFault(description: "there is no kernel \(name)")
  }
  precondition(
    foley_emulated_kernel_parameter_size(kernel) == MemoryLayout<Parameters>.size,
    "\(name): parameters of \(MemoryLayout<Parameters>.size) bytes")
  let how = FoleyEmulatedLaunch(
    grid: launch.grid, block: launch.block, shared: launch.shared, mode: variation.mode,
    seed: variation.seed, weakened: variation.weakened)
  let fault = withUnsafePointer(to: parameters) { foley_emulated_run(kernel, $0, how) }
  if let fault { throw EmulationFault(description: String(cString: fault)) }
}

/// One call of kernels with what must come out of it.
struct KernelCase {
  let what: String
  let expected: [Float]
  /// Largest relative L2 error; no single error may exceed 30 times that part of the root mean square.
  let tolerance: Float
  /// Runs the kernels with a new result.
  let run: (Variation) throws -> [Float]

  /// What is wrong with a result; nil: nothing.
  func objection(to found: [Float]) -> String? {
    guard found.count == expected.count else { return "\(found.count) values" }
    let error = relativeErrors(found, expected)
    guard error.norm <= tolerance, error.most <= 30 * tolerance else {
      return "relative L2 \(error.norm), largest \(error.most), tolerance \(tolerance)"
    }
    return nil
  }

  /// Right, and the same bits, whatever the order.
  func check(sourceLocation: SourceLocation = #_sourceLocation) {
    var first: [Float]?
    for variation in Variation.usual {
      do {
        let found = try run(variation)
        if let objection = objection(to: found) {
          Issue.record("\(what) (\(variation)): \(objection)", sourceLocation: sourceLocation)
          return
        }
        if let first, !sameBits(first, found) {
          Issue.record("\(what) (\(variation)): other bits", sourceLocation: sourceLocation)
          return
        }
        first = first ?? found
      } catch {
        Issue.record("\(what) (\(variation)): \(error)", sourceLocation: sourceLocation)
        return
      }
    }
  }
}

func sameBits(_ a: [Float], _ b: [Float]) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern }
}

/// A result in emulated memory.
struct Target {
  let memory: EmulatedMemory
  let storage: Storage
  let width: Int

  init(_ count: Int, width: Int, _ storage: Storage) {
    memory = EmulatedMemory(size: count * storage.size)
    self.storage = storage
    self.width = width
  }

  var target: FoleyCudaTarget {
    FoleyCudaTarget(base: memory.base, stride: Int64(width), storage: storage.rawValue)
  }
  var values: [Float] { memory.floats(storage) }
}

extension Activation {
  /// As device code counts them.
  var code: Int32 { Int32(Activation.allCases.firstIndex(of: self)!) }
}
