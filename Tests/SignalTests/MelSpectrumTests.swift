import Foundation
import Signal
import Testing

@Suite struct MelSpectrumTests {
  /// Two tones and a little noise; the same sequence as the NumPy code that made the figures below.
  private var sound: [Float] {
    var state: UInt32 = 1
    return (0..<4800).map { index in
      state = state &* 1_664_525 &+ 1_013_904_223
      let noise = Double(state) / 4_294_967_296 - 0.5
      let time = 2 * Double.pi * Double(index) / 48_000
      return Float(0.5 * sin(440 * time) + 0.1 * sin(5000 * time) + 0.02 * noise)
    }
  }

  /// Figures from scipy.fft and the definition of the bands, to five decimals.
  @Test func agreesWithNumPy() {
    let mel = MelSpectrum()(sound)
    #expect(mel.count == 10 * 100)
    let expected: [Int: [Int: Float]] = [
      0: [0: -3.75512, 9: -1.2752, 10: -0.61804, 11: -1.55387, 40: -5.90216, 99: -4.96371],
      5: [0: -7.59141, 9: -1.56448, 10: -0.41255, 40: -7.57598, 62: -6.36225, 99: -4.67783],
      9: [0: -3.73175, 9: -1.27501, 10: -0.61831, 58: -5.90666, 80: -5.3378, 99: -4.85077],
    ]
    for (frame, bands) in expected {
      for (band, value) in bands {
        #expect(abs(mel[frame * 100 + band] - value) < 1e-3, "frame \(frame), band \(band)")
      }
    }
    let mean = mel.reduce(0, +) / Float(mel.count)
    #expect(abs(mean - -5.86671) < 1e-4)
  }

  @Test func silenceIsTheFloor() {
    let mel = MelSpectrum()([Float](repeating: 0, count: 1000))
    #expect(mel.count == 300)
    #expect(mel.allSatisfy { abs($0 - log(1e-5)) < 1e-5 })
  }

  @Test func threadsChangeNothing() {
    let samples = scatter(100_000)
    let spectrum = MelSpectrum()
    #expect(spectrum(samples, threads: 1) == spectrum(samples, threads: 2))
  }

  /// The curve over bins has the sums it was made for, the better the more it is refined.
  @Test func envelopeReturnsTheSums() {
    let filterbank = MelFilterbank(MelGeometry())
    let asked = (0..<100).map { band in
      -6 + 2 * sin(Float(band) * 0.3) + (band == 40 ? 3 : 0)
    }
    func worst(_ refinements: Int) -> Float {
      let sums = filterbank.sums(filterbank.envelope(asked, refinements: refinements))
      return zip(sums, asked).map { abs(log($0) - $1) }.max()!
    }
    #expect(worst(0) < 1.5)
    #expect(worst(8) < 0.15)
    #expect(worst(8) < worst(2) && worst(2) < worst(0))
  }

  @Test func melScaleAndItsInverse() {
    for hertz in [20.0, 440, 1000, 6400, 20_000] {
      #expect(abs(MelGeometry.hertz(MelGeometry.mel(hertz)) - hertz) < 1e-9 * hertz)
    }
    // From the definition: 15 mels at 1 kHz, 27 more at 6.4 kHz.
    #expect(abs(MelGeometry.mel(6400) - 42) < 1e-12)
  }
}
