import CKernels

/// Sound -> log-mel frames: what the generator learns from, and what a decoded wave is measured by.
public struct MelSpectrum: Sendable {
  public let filterbank: MelFilterbank
  let frames: ShortTimeFrames

  public init(_ geometry: MelGeometry = MelGeometry()) {
    filterbank = MelFilterbank(geometry)
    frames = ShortTimeFrames(geometry)
  }

  /// `[samples]` -> `[samples / hop (rounded up), bands]`, natural logarithms of band magnitudes.
  /// Outside the given samples there is silence.
  public func callAsFunction(_ samples: [Float], threads: Int = 1) -> [Float] {
    let geometry = filterbank.geometry
    let count = (samples.count + geometry.hop - 1) / geometry.hop
    let padded = FloatMemory(count: max(0, count - 1) * geometry.hop + geometry.fftSize)
    for index in 0..<min(samples.count, padded.count + geometry.firstSample) {
      padded[index - geometry.firstSample] = samples[index]
    }
    let result = FloatMemory(count: count * geometry.bands)
    let block = 64
    Workers(threads: threads).run((count + block - 1) / block, scratch: frames.scratchCount) {
      piece, scratch in
      let start = piece * block
      var plan = frames.plan
      var bands = filterbank.tables
      foley_frames_analyze(
        &plan, &bands, Int32(min(block, count - start)), padded.base + start * geometry.hop,
        geometry.magnitudeUnit, geometry.floor, result.base + start * geometry.bands, scratch)
    }
    return result.array(0..<result.count)
  }
}

/// Windowed frames of a geometry, as the passes in C take them.
struct ShortTimeFrames: Sendable {
  let geometry: MelGeometry
  let fft: RealFFT
  let window: FloatMemory
  /// Floats between rows of magnitudes: bins, rounded up to whole vectors.
  let stride: Int

  init(_ geometry: MelGeometry) {
    self.geometry = geometry
    fft = RealFFT(size: geometry.fftSize)
    window = FloatMemory(hannWindow(geometry.fftSize))
    stride = (geometry.bins + 15) / 16 * 16
  }

  /// The plan as C sees it; valid while this value lives.
  var plan: foley_frames {
    foley_frames(
      fft: fft.plan, window: window.base, size: Int32(geometry.fftSize), hop: Int32(geometry.hop),
      stride: Int32(stride))
  }

  var scratchCount: Int {
    var plan = plan
    return foley_frames_scratch(&plan)
  }
}
