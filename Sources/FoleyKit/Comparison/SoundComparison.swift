import Foundation
import Media
import Motion
import Signal

/// A sound held against a reference that it should be like: what `foley compare` reports.
public struct SoundComparison: Encodable, Sendable {
  /// Onsets of the sound against those of the reference, one to one within 0.3 s.
  public struct Onsets: Encodable, Sendable {
    public var sound: Int
    public var reference: Int
    public var matched: Int
    /// Of the matched ones, in milliseconds; positive: the sound is late.
    public var medianShift: Double?
    /// The largest distance of any matched pair, in milliseconds.
    public var worstShift: Double?

    /// Share of the reference's onsets that have a partner; 1 where it has none.
    public var share: Double { reference == 0 ? 1 : Double(matched) / Double(reference) }
  }

  /// Of one of the two files.
  public struct Shape: Encodable, Sendable {
    public var file: String
    public var sampleRate: Int
    public var channels: Int
    public var seconds: Double
    /// LUFS; absent for silence and for less than 0.4 s.
    public var loudness: Double?
    /// dB of full scale; absent for silence.
    public var truePeak: Double?
  }

  public var sound: Shape
  public var reference: Shape
  /// Samples the sound has more than the reference, at the sound's own rate.
  public var durationDifference: Int
  /// LU by which the sound is louder (EBU R128); of the mean level, in dB, where one has no loudness.
  public var levelDifference: Double
  /// dB by which the true peak is higher.
  public var truePeakDifference: Double
  /// Mean distance of the levels in 40 bands and steps of 10 ms, in dB; silence of both does not count.
  public var spectralDistance: Double
  /// The same for the means over all of the time: the sounds' colours, whatever happens when.
  public var longTermDistance: Double
  public var onsets: Onsets
  /// Whether every sample is the same.
  public var isIdentical: Bool
  /// Energy of the difference of the samples over that of the reference, in dB; absent where the files differ in
  /// rate, channels or length, and where they are the same.
  public var residual: Double?

  /// - Throws: `MediaError` or `FoleyError.badData`.
  public init(sound: String, reference: String) throws {
    var (one, other) = (try SoundPass(of: sound), try SoundPass(of: reference))
    let sameShape = one.sampleRate == other.sampleRate && one.channels == other.channels
    var (difference, energy, isSame) = (0.0, 0.0, sameShape)
    var distance = SpectralDistance()
    while !(one.isFinished && other.isFinished) {
      let pieces = (try one.next(), try other.next())
      if sameShape {
        isSame = isSame && pieces.0 == pieces.1
        for (a, b) in zip(pieces.0, pieces.1) {
          difference += Double(a - b) * Double(a - b)
          energy += Double(b) * Double(b)
        }
      }
      distance.add(one.takeLevels(), other.takeLevels())
      if one.isFinished || other.isFinished { distance.dropUnpaired() }
    }

    self.sound = one.shape
    self.reference = other.shape
    durationDifference =
      one.sampleRate == other.sampleRate
      ? one.frames - other.frames
      : Int(((one.seconds - other.seconds) * Double(one.sampleRate)).rounded())
    levelDifference = SoundComparison.difference(
      one.shape.loudness, other.shape.loudness, otherwise: one.level, other.level)
    truePeakDifference = SoundComparison.difference(
      nil, nil, otherwise: one.shape.truePeak, other.shape.truePeak)
    (spectralDistance, longTermDistance) = (distance.mean, distance.ofMeans)
    let pairs = OffsetPair.matching(
      onsets: one.onsets, other.onsets.map { VisualEvent(time: $0.time, strength: 1) })
    let shifts = pairs.map { $0.offset * 1000 }
    onsets = Onsets(
      sound: one.onsets.count, reference: other.onsets.count, matched: pairs.count,
      medianShift: shifts.median, worstShift: shifts.map(abs).max())
    isIdentical = isSame
    residual =
      sameShape && !isSame && durationDifference == 0
      ? 10 * log10(difference / max(energy, 1e-30)) : nil
  }

  /// Infinite where only one of the two sounds at all.
  private static func difference(
    _ first: Double?, _ second: Double?, otherwise a: Double?, _ b: Double?
  ) -> Double {
    if let first, let second { return first - second }
    switch (a, b) {
    case (let a?, let b?): return a - b
    case (nil, nil): return 0
    case (nil, _): return -.infinity
    case (_, nil): return .infinity
    }
  }
}

/// One of the two sounds on its way past everything that measures it.
private struct SoundPass {
  let sampleRate: Int
  let channels: Int
  private(set) var frames = 0
  private(set) var onsets: [Onset] = []
  private(set) var isFinished = false
  private let reader: SoundReader
  private let meter: LoudnessMeter
  private var detector: OnsetDetector
  private var bands: BandLevels
  private var levels: [[Float]] = []
  private var energy = 0.0

  init(of path: String) throws {
    reader = try SoundReader(path: path)
    (sampleRate, channels) = (reader.sampleRate, reader.channels)
    guard BandLevels.rates.contains(sampleRate) else {
      throw FoleyError.badData(
        file: path, reason: "\(sampleRate) Hz; sound of 8000 to 192000 Hz can be compared")
    }
    meter = try LoudnessMeter(sampleRate: sampleRate, channels: channels, file: path)
    detector = OnsetDetector(sampleRate: sampleRate)
    bands = BandLevels(sampleRate: sampleRate)
  }

  /// The next second or less, interleaved; empty at the end.
  mutating func next() throws -> [Float] {
    let samples = try reader.read(frames: sampleRate)
    guard !samples.isEmpty else {
      if !isFinished {
        onsets += detector.finish()
        levels += bands.finish()
      }
      isFinished = true
      return []
    }
    meter.add(samples)
    let mono = (0..<samples.count / channels).map { frame -> Float in
      let all = samples[frame * channels..<(frame + 1) * channels]
      return all.reduce(0, +) / Float(channels)
    }
    for sample in samples { energy += Double(sample) * Double(sample) }
    frames += mono.count
    onsets += detector.push(mono)
    levels += bands.push(mono)
    return samples
  }

  /// Levels that were not taken before.
  mutating func takeLevels() -> [[Float]] {
    defer { levels = [] }
    return levels
  }

  var seconds: Double { Double(frames) / Double(sampleRate) }

  /// Mean level in dB; nil for silence.
  var level: Double? {
    energy > 0 ? 10 * log10(energy / Double(max(1, frames * channels))) : nil
  }

  var shape: SoundComparison.Shape {
    SoundComparison.Shape(
      file: reader.path, sampleRate: sampleRate, channels: channels, seconds: seconds,
      loudness: meter.integrated, truePeak: meter.truePeak)
  }
}

/// The distance of two tracks of levels, each taken as it comes.
private struct SpectralDistance {
  private var waiting: ([[Float]], [[Float]]) = ([], [])
  private var (sum, count) = (0.0, 0)
  private var powers = (
    [Double](repeating: 0, count: BandLevels.bands), [Double](repeating: 0, count: BandLevels.bands)
  )
  private var frames = (0, 0)

  mutating func add(_ one: [[Float]], _ other: [[Float]]) {
    waiting.0 += one
    waiting.1 += other
    SpectralDistance.accumulate(one, &powers.0, &frames.0)
    SpectralDistance.accumulate(other, &powers.1, &frames.1)
    let common = min(waiting.0.count, waiting.1.count)
    for frame in 0..<common {
      for (a, b) in zip(waiting.0[frame], waiting.1[frame])
      where max(a, b) > BandLevels.floor {
        sum += Double(abs(a - b))
        count += 1
      }
    }
    waiting.0.removeFirst(common)
    waiting.1.removeFirst(common)
  }

  /// Once one of the two has come to its end: what waits for a partner will get none.
  mutating func dropUnpaired() { waiting = ([], []) }

  var mean: Double { count > 0 ? sum / Double(count) : 0 }

  var ofMeans: Double {
    let (one, other) = (levels(powers.0, frames.0), levels(powers.1, frames.1))
    let distances = zip(one, other).compactMap { a, b in
      max(a, b) > Double(BandLevels.floor) ? abs(a - b) : nil
    }
    return distances.isEmpty ? 0 : distances.reduce(0, +) / Double(distances.count)
  }

  private static func accumulate(_ levels: [[Float]], _ powers: inout [Double], _ frames: inout Int)
  {
    for frame in levels {
      for (band, level) in frame.enumerated() { powers[band] += pow(10, Double(level) / 10) }
    }
    frames += levels.count
  }

  private func levels(_ powers: [Double], _ frames: Int) -> [Double] {
    powers.map {
      max(Double(BandLevels.floor), 10 * log10(max($0 / Double(max(1, frames)), 1e-12)))
    }
  }
}
