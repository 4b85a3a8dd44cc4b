import Foundation
import Signal
import Testing

/// Values in -1 ..< 1 that look like noise.
func scatter(_ count: Int, seed: UInt32 = 1) -> [Float] {
  var state = seed
  return (0..<count).map { _ in
    state = state &* 1_664_525 &+ 1_013_904_223
    return Float(state) / 2_147_483_648 - 1
  }
}

/// The largest difference of two waves, infinite when their lengths differ. Comparing this with 0 keeps
/// thousands of samples out of a failure's message.
func difference(_ a: [Float], _ b: [Float]) -> Float {
  a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
}

@Suite struct RealFFTTests {
  static let sizes = [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]

  /// The definition, in double precision; for large sizes some bins.
  @Test(arguments: sizes) func agreesWithTheDefinition(size: Int) {
    let x = scatter(size)
    let (real, imaginary) = RealFFT(size: size).forward(x)
    #expect(real.count == size / 2 + 1)
    var worst = 0.0
    for bin in stride(from: 0, through: size / 2, by: max(1, size / 128 - 1)) {
      var (a, b) = (0.0, 0.0)
      for index in 0..<size {
        let angle = 2 * Double.pi * Double(index * bin % size) / Double(size)
        a += Double(x[index]) * cos(angle)
        b -= Double(x[index]) * sin(angle)
      }
      worst = max(worst, abs(a - Double(real[bin])), abs(b - Double(imaginary[bin])))
    }
    // Spectra of this noise are about sqrt(size / 3) high.
    #expect(worst < 2e-6 * Double(size).squareRoot())
  }

  @Test(arguments: sizes) func inverseRestoresTheValues(size: Int) {
    let x = scatter(size, seed: 7)
    let fft = RealFFT(size: size)
    let (real, imaginary) = fft.forward(x)
    let back = fft.inverse(real: real, imaginary: imaginary)
    let worst = zip(x, back).map { abs($0 - $1) }.max()!
    #expect(worst < 1e-6)
  }

  @Test func aCosineIsOneBin() {
    let size = 256
    let x = (0..<size).map { Float(cos(2 * Double.pi * 17 * Double($0) / Double(size))) }
    let (real, imaginary) = RealFFT(size: size).forward(x)
    for bin in 0...size / 2 {
      #expect(abs(real[bin] - (bin == 17 ? 128 : 0)) < 1e-4)
      #expect(abs(imaginary[bin]) < 1e-4)
    }
  }
}
