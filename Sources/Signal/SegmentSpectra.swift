import Foundation

/// Sound as Synchformer's audio tower takes it: overlapping segments of 0.64 s at 16 kHz, each a log-mel
/// spectrum of 128 bands, normalised as the tower was trained.
///
/// A frame is 25 ms under a Hann window, centred in a transform of 1024 values, every 10 ms; segments are
/// mirrored at their ends. Bands are triangles of peak 1 on the HTK mel scale from 0 to 8000 Hz.
public struct SegmentSpectra: Sendable {
  public static let sampleRate = 16_000
  /// Samples of a segment, and from one to the next.
  public static let segment = 10_240
  public static let step = 5_120
  public static let bands = 128
  /// Frames of a segment: those the sound has, and one of zeros in the logarithm to fill the patches.
  public static let frames = segment / hop + 2

  private static let size = 1024
  private static let window = 400
  private static let hop = 160
  private static let floor = 1e-6
  private static let mean = -4.2677393
  private static let deviation = 4.5689974

  private let fft = RealFFT(size: size)
  /// Under which a frame of `size` values lies.
  private let window: [Float]
  /// Bins of each band, and their weights.
  private let filters: [(first: Int, weights: [Float])]

  public init() {
    let margin = (SegmentSpectra.size - SegmentSpectra.window) / 2
    let silence = [Float](repeating: 0, count: margin)
    window = silence + hannWindow(SegmentSpectra.window) + silence
    let rows = SegmentSpectra.filterbank
    filters = rows.map { row in
      let first = row.firstIndex { $0 > 0 } ?? 0
      let end = row.lastIndex { $0 > 0 }.map { $0 + 1 } ?? first
      return (first, Array(row[first..<end]))
    }
  }

  /// Weights of the bins in each band, [128][513].
  public static let filterbank: [[Float]] = {
    func mel(_ frequency: Double) -> Double { 2595 * log10(1 + frequency / 700) }
    let top = Double(sampleRate) / 2
    let bins = size / 2 + 1
    let edges = (0..<bands + 2).map { index in
      700 * (pow(10, mel(top) * Double(index) / Double(bands + 1) / 2595) - 1)
    }
    return (0..<bands).map { band in
      (0..<bins).map { bin in
        let frequency = top * Double(bin) / Double(bins - 1)
        let rise = (frequency - edges[band]) / (edges[band + 1] - edges[band])
        let fall = (edges[band + 2] - frequency) / (edges[band + 2] - edges[band + 1])
        return Float(max(0, min(rise, fall)))
      }
    }
  }()

  /// Segments of a sound of so many samples; what is left at its end has no part in any.
  public static func count(samples: Int) -> Int {
    samples < segment ? 0 : (samples - segment) / step + 1
  }

  /// Mono samples at 16 kHz -> `[segments, 128, 66]`.
  public func callAsFunction(_ samples: [Float]) -> [Float] {
    (0..<SegmentSpectra.count(samples: samples.count)).flatMap { index in
      let start = index * SegmentSpectra.step
      return spectrum(Array(samples[start..<start + SegmentSpectra.segment]))
    }
  }

  /// One segment -> `[128, 66]`.
  private func spectrum(_ samples: [Float]) -> [Float] {
    let (half, count) = (SegmentSpectra.size / 2, samples.count)
    let mirrored =
      (1...half).reversed().map { samples[$0] } + samples
      + (1...half).map { samples[count - 1 - $0] }
    let (frames, scale) = (SegmentSpectra.frames, 2 * SegmentSpectra.deviation)
    let silence = Float(-SegmentSpectra.mean / scale)
    var result = [Float](repeating: silence, count: SegmentSpectra.bands * frames)
    for frame in 0..<frames - 1 {
      let start = frame * SegmentSpectra.hop
      let (real, imaginary) = fft.forward(
        window.indices.map { window[$0] * mirrored[start + $0] })
      for (band, filter) in filters.enumerated() {
        var sum: Float = 0
        for (place, weight) in filter.weights.enumerated() {
          let (a, b) = (real[filter.first + place], imaginary[filter.first + place])
          sum += weight * (a * a + b * b)
        }
        let level = log(Double(sum) + SegmentSpectra.floor)
        result[band * frames + frame] = Float((level - SegmentSpectra.mean) / scale)
      }
    }
    return result
  }
}
