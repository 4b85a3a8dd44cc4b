import CEbur128
import Foundation

/// Loudness and true peak of a stream by EBU R128 (ITU-R BS.1770), through libebur128. Memory does not grow with
/// its length.
public final class LoudnessMeter {
  private var state: UnsafeMutablePointer<ebur128_state>?
  private let channels: Int

  /// - Throws: `MediaError.outOfMemory` where none is left.
  public init(sampleRate: Int, channels: Int, file: String) throws(MediaError) {
    self.channels = channels
    // With a histogram the gates need no list of all blocks.
    let mode =
      EBUR128_MODE_I.rawValue | EBUR128_MODE_LRA.rawValue | EBUR128_MODE_TRUE_PEAK.rawValue
      | EBUR128_MODE_HISTOGRAM.rawValue
    state = ebur128_init(UInt32(channels), UInt(sampleRate), Int32(mode))
    guard state != nil else { throw .outOfMemory(file: file) }
  }

  deinit { ebur128_destroy(&state) }

  /// Appends interleaved samples.
  public func add(_ samples: [Float]) {
    let status = ebur128_add_frames_float(state, samples, samples.count / channels)
    precondition(status == Int32(EBUR128_SUCCESS.rawValue), "libebur128 refuses samples: \(status)")
  }

  /// In LUFS; nil where everything is below the gate of -70.
  public var integrated: Double? { value(ebur128_loudness_global) }

  /// Loudness range in LU.
  public var range: Double? { value(ebur128_loudness_range) }

  /// The largest true peak of any channel, in dB of full scale; nil for silence.
  public var truePeak: Double? {
    var largest = 0.0
    for channel in 0..<channels {
      var peak = 0.0
      _ = ebur128_true_peak(state, UInt32(channel), &peak)
      largest = max(largest, peak)
    }
    return largest > 0 ? 20 * log10(largest) : nil
  }

  private func value(
    _ function: (UnsafeMutablePointer<ebur128_state>?, UnsafeMutablePointer<Double>?) -> Int32
  ) -> Double? {
    var result = 0.0
    guard function(state, &result) == Int32(EBUR128_SUCCESS.rawValue), result.isFinite else {
      return nil
    }
    return result
  }
}
