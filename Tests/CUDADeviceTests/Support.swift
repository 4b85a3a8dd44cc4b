import Foundation
import TestSupport
import Testing

@testable import CUDADevice

/// Calls `body` with a driver that poses as the words say, and expects that it was used as it should be and that
/// nothing is left behind.
func withDriver(
  _ words: String = "", sourceLocation: SourceLocation = #_sourceLocation,
  _ body: (CUDADriver, MockDriver) throws -> Void
) throws {
  try withFolder { folder in
    let mock = try MockDriver(in: folder, words)
    try body(CUDADriver(library: mock.path), mock)
    #expect(try mock.report().faults == [], sourceLocation: sourceLocation)
  }
}

/// The same with the context and a stream of its first GPU.
func withStream(
  _ words: String = "", sourceLocation: SourceLocation = #_sourceLocation,
  _ body: (CUDAStream, MockDriver) throws -> Void
) throws {
  try withDriver(words, sourceLocation: sourceLocation) { driver, mock in
    let context = try CUDAContext(driver, driver.gpu(numbered: 0))
    try body(CUDAStream(context), mock)
  }
}

/// A module in PTX, as far as the mock reads it.
enum TestCode {
  static let ptx = code(
    .ptx, 8, 0,
    """
    .version 7.8
    .target sm_80
    .visible .entry scale(.param .align 8 .b8 arguments[16]) { ret; }
    .visible .entry narrow(.param .align 8 .b8 arguments[16])
    .maxntid 256, 1, 1
    { ret; }
    """)
  static let broken = code(.ptx, 8, 0, "this is no PTX")
  static let newer = code(.ptx, 8, 0, ".version 8.5\n.target sm_80\n")

  /// The head of machine code, with nothing behind it.
  static func machine(_ major: Int, _ minor: Int) -> DeviceCode {
    var bytes = [UInt8](repeating: 0, count: 64)
    bytes.replaceSubrange(0..<5, with: [0x7f, 0x45, 0x4c, 0x46, 2])
    bytes[18] = 190
    bytes[48] = UInt8(10 * major + minor)
    return DeviceCode(.machineCode, ComputeCapability(major, minor), image: kept(bytes))
  }

  private static func code(
    _ kind: DeviceCode.Kind, _ major: Int, _ minor: Int, _ text: String
  ) -> DeviceCode {
    DeviceCode(kind, ComputeCapability(major, minor), image: kept(Array(text.utf8) + [0]))
  }

  /// For good, as a program's constants are.
  private static func kept(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
    copy.copyBytes(from: bytes)
    return UnsafeRawBufferPointer(copy)
  }
}

extension CUDAStream {
  /// Memory's contents, waited for.
  func bytes(_ address: UInt64, _ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { try copy(address, to: $0) }
    try synchronize()
    return bytes
  }
}

/// Bytes without a pattern that a mistake in copying could keep.
func randomBytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return UInt8(truncatingIfNeeded: state >> 33)
  }
}
