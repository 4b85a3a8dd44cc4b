import CKernels
import Checkpoints
import Foundation
import Tensors

/// How a wave is found for a mel spectrum.
public struct MelDecoderSettings: Sendable, Hashable, Codable {
  /// Griffin-Lim projections after the coloured noise, 0...64.
  public var iterations: Int
  /// Part of the previous spectrum that a projection pushes away from, 0 (plain Griffin-Lim) ..< 1.
  /// More sharpens tones; from about 0.4 noise turns gritty.
  public var momentum: Float
  /// 1: magnitudes keep the grain of the noise they began with; 0: projections strive for smooth
  /// magnitudes. No wave has those over noise, so that a natural grain remains at 0 as well.
  public var grain: Float
  /// Corrections of the smooth curve over bins towards the band sums, 0...64.
  public var refinements: Int
  /// Passes at the end that bring the band sums of the wave nearer to those asked for, 0...4.
  public var corrections: Int
  /// The largest factor of such a correction, and its reciprocal the smallest.
  public var correctionLimit: Float
  /// Frames that are worked on at once; more needs memory, less needs time.
  public var chunk: Int

  public init(
    iterations: Int = 16, momentum: Float = 0.2, grain: Float = 0, refinements: Int = 16,
    corrections: Int = 2, correctionLimit: Float = 3, chunk: Int = 800
  ) {
    self.iterations = iterations
    self.momentum = momentum
    self.grain = grain
    self.refinements = refinements
    self.corrections = corrections
    self.correctionLimit = correctionLimit
    self.chunk = chunk
  }
}

/// Latents -> log-mel frames -> wave, without a network.
///
/// A latent is a vector in a linear basis of stacked log-mel frames. The wave begins as noise, addressed
/// by (seed, sample), that is given the spectrum's colour; Griffin-Lim projections then bring its phases
/// in accord with the magnitudes.
///
/// Reads `mean` and `basis`.
public struct MelDecoder: Sendable {
  public let geometry: MelGeometry
  public var settings: MelDecoderSettings
  /// Values per latent.
  public let channels: Int
  public let framesPerLatent: Int
  /// Samples per latent.
  public var samplesPerLatent: Int { framesPerLatent * geometry.hop }

  private let mean: [Float]  // [framesPerLatent * bands]
  private let basis: [Float]  // [channels, framesPerLatent * bands]
  let filterbank: MelFilterbank
  let frames: ShortTimeFrames

  /// Reads the basis; throws `CheckpointError` when a tensor is missing or of another shape.
  public init(
    _ weights: Weights, channels: Int, framesPerLatent: Int = 2,
    geometry: MelGeometry = MelGeometry(), settings: MelDecoderSettings = MelDecoderSettings()
  ) throws(CheckpointError) {
    let width = framesPerLatent * geometry.bands
    self.init(
      mean: try weights.floats("mean", [width]),
      basis: try weights.floats("basis", [channels, width]),
      framesPerLatent: framesPerLatent, geometry: geometry, settings: settings)
  }

  /// `mean` [framesPerLatent * bands], `basis` [channels, framesPerLatent * bands].
  public init(
    mean: [Float], basis: [Float], framesPerLatent: Int = 2, geometry: MelGeometry = MelGeometry(),
    settings: MelDecoderSettings = MelDecoderSettings()
  ) {
    let width = framesPerLatent * geometry.bands
    precondition(mean.count == width, "mean of \(mean.count) values, expected \(width)")
    precondition(!basis.isEmpty && basis.count % width == 0, "basis of \(basis.count) values")
    self.mean = mean
    self.basis = basis
    self.framesPerLatent = framesPerLatent
    self.geometry = geometry
    self.settings = settings
    channels = basis.count / width
    filterbank = MelFilterbank(geometry)
    frames = ShortTimeFrames(geometry)
  }

  /// `[T, channels]` -> `[T * framesPerLatent, bands]` log-mel, held within the geometry's floor and
  /// what no sound reaches. A value that is no number stays so.
  public func logMel(_ latents: [Float]) -> [Float] {
    precondition(latents.count % channels == 0, "\(latents.count) values in latents of \(channels)")
    let width = mean.count
    let lowest = log(geometry.floor)
    let highest: Float = 5
    let rows = latents.count / channels
    return [Float](unsafeUninitializedCapacity: rows * width) { out, count in
      for row in 0..<rows {
        let target = UnsafeMutableBufferPointer(rebasing: out[row * width..<(row + 1) * width])
        for index in 0..<width { target.initializeElement(at: index, to: mean[index]) }
        for channel in 0..<channels {
          let value = latents[row * channels + channel]
          for index in 0..<width { target[index] += value * basis[channel * width + index] }
        }
        for index in 0..<width {
          let value = target[index]
          target[index] = value < lowest ? lowest : value > highest ? highest : value
        }
      }
      count = rows * width
    }
  }

  /// A decoder of latents that come piece by piece.
  public func stream(seed: UInt64, threads: Int = 1) -> MelDecoderStream {
    MelDecoderStream(self, seed: seed, threads: threads)
  }

  /// `[T, channels]` -> `[T * samplesPerLatent]` samples.
  public func decode(_ latents: [Float], seed: UInt64, threads: Int = 1) -> [Float] {
    var stream = stream(seed: seed, threads: threads)
    return stream.push(latents) + stream.finish()
  }

  /// `[frames, bands]` log-mel -> `[frames * hop]` samples.
  public func decode(logMel: [Float], seed: UInt64, threads: Int = 1) -> [Float] {
    var stream = stream(seed: seed, threads: threads)
    return stream.push(logMel: logMel) + stream.finish()
  }
}

/// Latents in, samples out, as early as they are final: the wave does not depend on how the latents
/// were cut into pieces, nor on the number of threads.
public struct MelDecoderStream: Sendable {
  private let decoder: MelDecoder
  private let seed: UInt64
  private let workers: Workers
  /// Log-mel frames from `firstKept` on.
  private var kept: [Float] = []
  private var firstKept = 0
  private var received = 0
  private var emitted = 0

  init(_ decoder: MelDecoder, seed: UInt64, threads: Int) {
    let settings = decoder.settings
    precondition((0...64).contains(settings.iterations), "\(settings.iterations) iterations")
    precondition((0...4).contains(settings.corrections), "\(settings.corrections) corrections")
    precondition((0...64).contains(settings.refinements), "\(settings.refinements) refinements")
    precondition(settings.momentum >= 0 && settings.momentum < 1 && settings.grain >= 0)
    precondition(settings.chunk > 0 && settings.correctionLimit >= 1)
    self.decoder = decoder
    self.seed = seed
    workers = Workers(threads: threads)
  }

  /// Frames on each side that have a part in a frame's samples.
  public var halo: Int { PhaseSearch.halo(decoder.settings, decoder.geometry) }

  /// `[T, channels]` -> the samples that are final now, perhaps none.
  public mutating func push(_ latents: [Float]) -> [Float] {
    push(logMel: decoder.logMel(latents))
  }

  /// `[frames, bands]` log-mel -> the samples that are final now, perhaps none.
  public mutating func push(logMel: [Float]) -> [Float] {
    let bands = decoder.geometry.bands
    precondition(logMel.count % bands == 0, "\(logMel.count) values in frames of \(bands) bands")
    kept += logMel
    received += logMel.count / bands
    var samples: [Float] = []
    let chunk = PhaseSearch.wholeBlocks(decoder.settings.chunk)
    while received >= emitted + chunk + halo { samples += emit(chunk) }
    return samples
  }

  /// The rest. The sound beyond the last frame is taken to go on as that frame.
  public mutating func finish() -> [Float] {
    var samples: [Float] = []
    let chunk = PhaseSearch.wholeBlocks(decoder.settings.chunk)
    while emitted < received { samples += emit(min(chunk, received - emitted)) }
    return samples
  }

  private mutating func emit(_ count: Int) -> [Float] {
    let bands = decoder.geometry.bands
    let samples = PhaseSearch(
      decoder: decoder, seed: seed, workers: workers, logMel: kept, firstFrame: firstKept,
      emitted: emitted..<emitted + count
    ).samples()
    emitted += count
    let needed = max(firstKept, emitted - halo - PhaseSearch.block)
    kept.removeFirst((needed - firstKept) * bands)
    firstKept = needed
    return samples
  }
}
