import Foundation
import Signal
import Testing

@Suite struct SegmentSpectraTests {
  @Test(arguments: [(0, 0), (10_239, 0), (10_240, 1), (15_359, 1), (15_360, 2), (76_800, 14)])
  func segments(samples: Int, count: Int) {
    #expect(SegmentSpectra.count(samples: samples) == count)
    let spectra = SegmentSpectra()([Float](repeating: 0, count: samples))
    #expect(spectra.count == count * 128 * 66)
  }

  /// Silence is the floor of the logarithm; the last frame is always that of level 1.
  @Test func silence() {
    let spectra = SegmentSpectra()([Float](repeating: 0, count: 10_240))
    let floor = Float((log(1e-6) + 4.2677393) / (2 * 4.5689974))
    let filling = Float(4.2677393 / (2 * 4.5689974))
    for band in 0..<128 {
      #expect(abs(spectra[band * 66] - floor) < 1e-6)
      #expect(abs(spectra[band * 66 + 64] - floor) < 1e-6)
      #expect(abs(spectra[band * 66 + 65] - filling) < 1e-6)
    }
  }

  /// Some frames of noise, the first and last of the segment among them, against sums written out.
  @Test func againstADirectTransform() {
    var state: UInt64 = 1
    let samples = (0..<15_360).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
    }
    let spectra = SegmentSpectra()(samples)
    for segment in 0..<2 {
      for frame in [0, 3, 31, 64] {
        let power = (0...512).map { bin in
          var (real, imaginary) = (0.0, 0.0)
          for index in 0..<400 {
            // The window lies in the middle of the transform, the frame around its hop.
            var place = frame * 160 - 512 + 312 + index
            if place < 0 { place = -place }
            if place > 10_239 { place = 2 * 10_239 - place }
            let window = 0.5 - 0.5 * cos(2 * Double.pi * Double(index) / 400)
            let value = window * Double(samples[segment * 5_120 + place])
            let angle = 2 * Double.pi * Double(bin * (312 + index) % 1024) / 1024
            real += value * cos(angle)
            imaginary -= value * sin(angle)
          }
          return real * real + imaginary * imaginary
        }
        for band in stride(from: 0, to: 128, by: 9) {
          let sum = zip(SegmentSpectra.filterbank[band], power).reduce(0) {
            $0 + Double($1.0) * $1.1
          }
          let expected = (log(sum + 1e-6) + 4.2677393) / (2 * 4.5689974)
          let found = Double(spectra[(segment * 128 + band) * 66 + frame])
          #expect(abs(found - expected) < 1e-5, "segment \(segment), frame \(frame), band \(band)")
        }
      }
    }
  }
}
