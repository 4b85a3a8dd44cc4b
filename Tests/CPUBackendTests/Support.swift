import CPUBackend
import ReferenceBackend
import Tensors
import TestSupport
import Testing

/// Backends of every level this processor has, each with 1, 2 and 3 threads.
let backends: [(level: SIMDLevel, threads: [CPUBackend])] = SIMDLevel.allCases.compactMap { level in
  guard level.isSupported else {
    print("kernels for \(level) are not tested: this processor does not support them")
    return nil
  }
  return (level, [1, 2, 3].map { try! CPUBackend(threads: $0, level: level) })
}

let reference = Reference()

func check(_ cases: [OperationCase], sourceLocation: SourceLocation = #_sourceLocation) {
  for each in cases {
    compare(each.tolerance, each.what, sourceLocation: sourceLocation, each.operation)
  }
}

/// Runs an operation on the reference backend and on every level and number of threads.
///
/// The relative L2 error must not exceed `tolerance`, nor any single error 30 times that part of the root
/// mean square; results of one level must be the same bits with any number of threads.
func compare(
  _ tolerance: Float, _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation,
  _ operation: (any Backend) -> Tensor
) {
  let expected = operation(reference)
  let values = expected.floats()
  for (level, variants) in backends {
    let found = variants.map(operation)
    #expect(found[0].shape == expected.shape, "\(level) \(what)", sourceLocation: sourceLocation)
    let first = found[0].floats()
    #expect(first.count == values.count, "\(level) \(what)", sourceLocation: sourceLocation)
    if first.count != values.count { continue }
    let error = relativeErrors(first, values)
    #expect(
      error.norm <= tolerance, "\(level) \(what): relative L2", sourceLocation: sourceLocation)
    #expect(
      error.most <= 30 * tolerance, "\(level) \(what): largest", sourceLocation: sourceLocation)
    for other in found.dropFirst() {
      let same = zip(other.floats(), first).allSatisfy { $0.bitPattern == $1.bitPattern }
      #expect(same, "\(level) \(what): \(other.backend.name)", sourceLocation: sourceLocation)
    }
  }
}
