/// The power spectrum of one Hann-windowed stretch of sound, a full-scale sine counting as 1.
public struct PowerSpectrum: Sendable {
  public let size: Int
  private let fft: RealFFT
  private let window: [Float]

  /// `size`: a power of two from 4 to 8192.
  public init(size: Int) {
    self.size = size
    fft = RealFFT(size: size)
    let scale = 2 / (Float(size) / 2)
    window = hannWindow(size).map { $0 * scale }
  }

  /// `[size]` samples -> `[size / 2 + 1]`.
  public func callAsFunction(_ samples: ArraySlice<Float>) -> [Float] {
    precondition(samples.count == size, "\(samples.count) samples under a window of \(size)")
    let start = samples.startIndex
    let windowed = window.indices.map { window[$0] * samples[start + $0] }
    let (real, imaginary) = fft.forward(windowed)
    return real.indices.map { real[$0] * real[$0] + imaginary[$0] * imaginary[$0] }
  }
}
