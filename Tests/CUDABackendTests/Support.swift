import CUDADevice
import CUDAEmulation
import Foundation
import ReferenceBackend
import Tensors
import TestSupport
import Testing

@testable import CUDABackend

let reference = Reference()

/// Calls `body` with a backend on a driver that is none, whose kernels are emulated, and expects that everything was
/// used as it should be and that nothing is left behind.
func withBackend(
  _ words: String = "", memoryLimit: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation,
  _ body: (CUDABackend, MockDriver) throws -> Void
) throws {
  try withFolder { folder in
    let mock = try MockDriver(in: folder, words)
    try mock.setMemory(foley_emulated_memory)
    try mock.setLaunch(foley_emulated_launch)
    // Everything that belongs to the driver is gone when the report is asked for.
    func run() throws {
      let driver = try CUDADriver(library: mock.path)
      let context = try CUDAContext(driver, driver.gpu(numbered: 0))
      try body(CUDABackend(context, memoryLimit: memoryLimit), mock)
    }
    try run()
    #expect(try mock.report().faults == [], sourceLocation: sourceLocation)
  }
}

/// Runs operations here and on the plain backend.
func check(_ cases: [OperationCase], sourceLocation: SourceLocation = #_sourceLocation) throws {
  try withBackend(sourceLocation: sourceLocation) { backend, _ in
    for each in cases {
      let expected = each.operation(reference)
      let found = each.operation(backend)
      #expect(found.shape == expected.shape, "\(each.what)", sourceLocation: sourceLocation)
      let tolerance = each.deviceTolerance(isRounded: backend.isRounded(found))
      let values = found.floats()
      #expect(
        values.count == expected.shape.count, "\(each.what)", sourceLocation: sourceLocation)
      let error = relativeErrors(values, expected.floats())
      #expect(error.norm <= tolerance, "\(each.what): relative L2", sourceLocation: sourceLocation)
      #expect(
        error.most <= 30 * tolerance, "\(each.what): largest", sourceLocation: sourceLocation)
    }
  }
}
