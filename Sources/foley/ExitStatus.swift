import CPUBackend
import CUDADevice
import Checkpoints
import FoleyKit
import Foundation
import Media
import Networks
import Sampling
import Threads

/// The program's exit codes (sysexits.h), so that scripts and job queues can tell what went wrong.
struct ExitStatus {
  let rawValue: Int32

  static let badData = ExitStatus(rawValue: 65)
  static let noInput = ExitStatus(rawValue: 66)
  static let usage = ExitStatus(rawValue: 64)
  static let unavailable = ExitStatus(rawValue: 69)
  static let internalError = ExitStatus(rawValue: 70)
  static let cannotCreate = ExitStatus(rawValue: 73)
  static let temporary = ExitStatus(rawValue: 75)
  static let badModel = ExitStatus(rawValue: 78)

  private init(rawValue: Int32) { self.rawValue = rawValue }

  /// Nil for errors of the argument parser, which knows its own.
  init?(of error: any Error) {
    switch error {
    case let error as MediaError: self.init(rawValue: error.exitCode)
    case CheckpointError.outOfMemory: self = .temporary
    case is CheckpointError, is WordPieceTokenizer.Failure, is BytePairFailure: self = .badModel
    case is ThreadError: self = .temporary
    case is CPUBackendError: self = .usage
    case let error as CUDAError: self.init(of: error)
    case let error as DeviceUnavailable: self = error.isTemporary ? .temporary : .unavailable
    case is SamplingError: self = .internalError
    case let error as FoleyError:
      switch error {
      case .usage: self = .usage
      case .badModel: self = .badModel
      case .badData: self = .badData
      case .noInput: self = .noInput
      case .cannotCreate: self = .cannotCreate
      case .memory, .busy: self = .temporary
      case .stopped: self.init(rawValue: 128 + (Interruption.requested ?? SIGTERM))
      case .notFinite: self = .internalError
      }
    default: return nil
    }
  }

  private init(of error: CUDAError) {
    self = error.isTemporary ? .temporary : error.isAbsence ? .unavailable : .internalError
  }
}
