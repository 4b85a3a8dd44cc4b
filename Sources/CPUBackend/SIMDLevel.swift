import CKernels
import Foundation

/// An instruction set the kernels are compiled for, least first.
public enum SIMDLevel: String, Sendable, CaseIterable, CustomStringConvertible {
  /// What every processor has: SSE2 on x86-64, NEON on ARM.
  case baseline
  /// AVX2 with FMA and F16C.
  case avx2
  /// AVX-512 F, DQ, BW and VL.
  case avx512

  /// The name of the environment variable that forces a level: one of the raw values.
  public static let environmentVariable = "FOLEY_SIMD"

  public var description: String {
    switch self {
    case .baseline: "baseline"
    case .avx2: "AVX2"
    case .avx512: "AVX-512"
    }
  }

  /// Whether this processor (and this build) can run it.
  public var isSupported: Bool { foley_kernels(code) != nil }

  /// The most capable supported level.
  public static var best: SIMDLevel { allCases.last { $0.isSupported } ?? .baseline }

  /// The level `FOLEY_SIMD` asks for, or the best one where it is not set.
  ///
  /// - Throws: `unknownLevel` or `unsupportedLevel` when the variable cannot be obeyed.
  public static func preferred() throws(CPUBackendError) -> SIMDLevel {
    try preferred(in: ProcessInfo.processInfo.environment)
  }

  static func preferred(in environment: [String: String]) throws(CPUBackendError) -> SIMDLevel {
    guard let text = environment[environmentVariable], !text.isEmpty else { return best }
    guard let level = SIMDLevel(rawValue: text) else { throw .unknownLevel(text) }
    guard level.isSupported else { throw .unsupportedLevel(level) }
    return level
  }

  var code: FoleyLevel {
    switch self {
    case .baseline: FoleyBaseline
    case .avx2: FoleyAVX2
    case .avx512: FoleyAVX512
    }
  }
}

/// Why a CPU backend cannot be made as asked.
public enum CPUBackendError: Error, Equatable, CustomStringConvertible {
  /// `FOLEY_SIMD` holds something that is no level.
  case unknownLevel(String)
  /// The processor lacks the instructions.
  case unsupportedLevel(SIMDLevel)

  public var description: String {
    let names = SIMDLevel.allCases.map(\.rawValue).joined(separator: ", ")
    let usable = SIMDLevel.allCases.filter(\.isSupported).map(\.rawValue).joined(separator: ", ")
    return switch self {
    case .unknownLevel(let text):
      "\(SIMDLevel.environmentVariable) is '\(text)'; it can be one of \(names)"
    case .unsupportedLevel(let level):
      "this processor does not support \(level); \(SIMDLevel.environmentVariable) can be one of \(usable)"
    }
  }
}
