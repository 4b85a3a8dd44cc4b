/// Why a sampling run ended without a result.
public enum SamplingError: Error, Equatable, Sendable {
  /// The latents hold values that are not numbers, or not finite ones: the network or its weights are
  /// broken, and nothing after this step could be right.
  case notFinite(step: Int, sigma: Float, values: Int, of: Int)
  /// The observer asked to stop before step `step`.
  case stopped(step: Int)
  /// A schedule that does not fall from at most 1 to exactly 0.
  case invalidSchedule(reason: String)
}

extension SamplingError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notFinite(let step, let sigma, let values, let count):
      "\(values) of \(count) latent values are not finite numbers after step \(step + 1) "
        + "(sigma \(sigma)); the model's weights may be damaged"
    case .stopped(let step): "sampling was stopped before step \(step + 1)"
    case .invalidSchedule(let reason): "the sigma schedule cannot be used: \(reason)"
    }
  }
}
