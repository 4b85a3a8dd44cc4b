import CKernels
import Tensors

/// The wave of one run of frames: coloured noise, projections, corrections.
///
/// Work is done in blocks of frames that begin at whole multiples of `block` counted from the start of
/// the sound, whatever run is asked for; so every sum is taken in the same order and a sample comes out
/// the same to the last bit. A pass widens what a frame depends on by the frames whose windows meet
/// its own: the first pass therefore covers a halo, and each later one a smaller halo, down to the
/// frames that meet the samples asked for.
struct PhaseSearch {
  /// Frames per block.
  static let block = 16

  let decoder: MelDecoder
  let seed: UInt64
  let workers: Workers
  /// Frames from `firstFrame` on; frames before and after repeat the first and the last.
  let logMel: [Float]
  let firstFrame: Int
  /// The frames whose samples are asked for; begins at a whole block.
  let emitted: Range<Int>

  private var geometry: MelGeometry { decoder.geometry }
  private var settings: MelDecoderSettings { decoder.settings }

  static func wholeBlocks(_ frames: Int) -> Int { (frames + block - 1) / block * block }

  /// Frames whose windows meet that of a given frame, on each side.
  private static func reach(_ geometry: MelGeometry) -> Int {
    (geometry.fftSize - 1) / geometry.hop
  }

  /// Frames before or after a frame's own samples whose windows reach into them.
  private static func overhang(_ geometry: MelGeometry) -> Int {
    (geometry.fftSize + geometry.hop) / 2 / geometry.hop + 1
  }

  private static func passes(_ settings: MelDecoderSettings) -> Int {
    1 + settings.iterations + settings.corrections
  }

  static func halo(_ settings: MelDecoderSettings, _ geometry: MelGeometry) -> Int {
    overhang(geometry) + reach(geometry) * (passes(settings) - 1)
  }

  /// Blocks that pass number `pass` covers.
  private func blocks(_ pass: Int) -> Range<Int> {
    let left = PhaseSearch.passes(settings) - 1 - pass
    let halo = PhaseSearch.overhang(geometry) + PhaseSearch.reach(geometry) * left
    let first = ((emitted.lowerBound - halo).quotientRoundedDown(PhaseSearch.block))
    let end = ((emitted.upperBound + halo - 1).quotientRoundedDown(PhaseSearch.block)) + 1
    return first..<end
  }

  func samples() -> [Float] {
    precondition(emitted.lowerBound % PhaseSearch.block == 0 && !emitted.isEmpty)
    let frames = decoder.frames
    let geometry = geometry
    let settings = settings
    let block = PhaseSearch.block
    let all = blocks(0)
    let span = block * geometry.hop  // samples a block advances
    let tail = geometry.fftSize - geometry.hop  // samples its last window reaches further
    let signal = FloatMemory(count: all.count * span + tail)
    let partial = FloatMemory(count: all.count * (span + tail))
    let targets = FloatMemory(count: all.count * block * frames.stride)
    let previous = FloatMemory(
      count: settings.momentum > 0 ? all.count * block * 2 * frames.stride : 0)
    let norm = overlapNorm()
    let logMel = workingLogMel(all)

    // The noise lies in `signal` first.
    let firstSample = all.lowerBound * span + geometry.firstSample
    fillNoise(signal, from: firstSample)
    let scale = noiseScale()
    let envelopeSize = block * frames.stride
    let scratchCount = frames.scratchCount + envelopeSize + geometry.bins + geometry.bands

    for pass in 0..<PhaseSearch.passes(settings) {
      let range = blocks(pass)
      let offset = range.lowerBound - all.lowerBound
      workers.run(range.count, scratch: scratchCount) { piece, scratch in
        let index = offset + piece
        var plan = frames.plan
        var bands = decoder.filterbank.tables
        let source = signal.base + index * span
        let target = targets.base + index * block * frames.stride
        let mels = logMel.base + index * block * geometry.bands
        let out = partial.base + index * (span + tail)
        if pass == 0 {
          let envelopes = scratch + frames.scratchCount
          for frame in 0..<block {
            foley_bands_envelope(
              &bands, mels + frame * geometry.bands, Int32(settings.refinements),
              envelopes + frame * frames.stride, envelopes + envelopeSize)
          }
          // Envelopes count a full-scale sine as 1; spectra are in the transform's own unit.
          foley_frames_colour(
            &plan, Int32(block), source, envelopes, scale, settings.grain,
            geometry.magnitudeUnit, target, out, scratch)
        } else if pass <= settings.iterations {
          foley_frames_project(
            &plan, Int32(block), source, target, pass > 1 ? settings.momentum : 0,
            previous.base + (settings.momentum > 0 ? index * block * 2 * frames.stride : 0), out,
            scratch)
        } else {
          foley_frames_correct(
            &plan, &bands, Int32(block), source, mels, geometry.magnitudeUnit,
            settings.correctionLimit, out, scratch)
        }
      }
      overlap(partial, range, offset: offset, span: span, tail: tail, norm: norm, into: signal)
    }
    let start = emitted.lowerBound * geometry.hop - firstSample
    return signal.array(start..<start + emitted.count * geometry.hop)
  }

  /// Adds the blocks' windowed results where they meet and divides by the squares of the windows.
  private func overlap(
    _ partial: FloatMemory, _ range: Range<Int>, offset: Int, span: Int, tail: Int, norm: [Float],
    into signal: FloatMemory
  ) {
    let hop = geometry.hop
    workers.run(range.count + 1) { piece, _ in
      let out = signal.base + (offset + piece) * span
      let isTail = piece == range.count
      let count = isTail ? tail : span
      if isTail {
        out.update(repeating: 0, count: count)
      } else {
        out.update(from: partial.base + (offset + piece) * (span + tail), count: count)
      }
      if piece > 0 {
        let before = partial.base + (offset + piece - 1) * (span + tail) + span
        for index in 0..<min(tail, count) { out[index] += before[index] }
      }
      norm.withUnsafeBufferPointer { norm in
        var start = 0
        while start < count {
          for index in 0..<min(hop, count - start) { out[start + index] *= norm[index] }
          start += hop
        }
      }
    }
  }

  /// 1 / sum of squared windows at each of the `hop` places between two frames' beginnings.
  private func overlapNorm() -> [Float] {
    let window = hannWindow(geometry.fftSize)
    return (0..<geometry.hop).map { place in
      var sum = 0.0
      for index in stride(from: place, to: window.count, by: geometry.hop) {
        sum += Double(window[index]) * Double(window[index])
      }
      return Float(1 / sum)
    }
  }

  /// 1 / mean magnitude of windowed white noise of variance 1, in the transform's unit.
  private func noiseScale() -> Float {
    let power = 3.0 / 8 * Double(geometry.fftSize)  // sum of the squared Hann window
    return Float(1 / (Double.pi / 4 * power).squareRoot())
  }

  private func workingLogMel(_ blocks: Range<Int>) -> FloatMemory {
    let bands = geometry.bands
    let first = blocks.lowerBound * PhaseSearch.block
    let last = logMel.count / bands - 1
    let result = FloatMemory(count: blocks.count * PhaseSearch.block * bands)
    logMel.withUnsafeBufferPointer { source in
      for frame in 0..<blocks.count * PhaseSearch.block {
        let held = min(max(first + frame - firstFrame, 0), last)
        (result.base + frame * bands).update(
          from: source.baseAddress! + held * bands, count: bands)
      }
    }
    return result
  }

  private func fillNoise(_ signal: FloatMemory, from firstSample: Int) {
    // Apart from the noise of latents under the same seed.
    let noise = GaussianNoise(seed: seed ^ 0x6D65_6C20_7761_7665)
    let piece = 4096
    let pieces = (signal.count + piece - 1) / piece
    workers.run(pieces) { index, _ in
      let start = index * piece
      let end = min(signal.count, start + piece)
      let rows =
        (firstSample + start).quotientRoundedDown(
          4)..<(firstSample + end + 3).quotientRoundedDown(4)
      let values = noise.rows(rows, channels: 4)
      let shift = firstSample + start - rows.lowerBound * 4
      for sample in start..<end { signal[sample] = values[sample - start + shift] }
    }
  }
}

extension Int {
  /// Division towards minus infinity.
  func quotientRoundedDown(_ divisor: Int) -> Int {
    self >= 0 ? self / divisor : -((-self + divisor - 1) / divisor)
  }
}
