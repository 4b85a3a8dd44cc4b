import Foundation
import Media
import Signal

/// What one pass over a sound file finds, a piece at a time.
struct SoundSurvey: Sendable {
  /// Seconds of a value of `levels`.
  static let step = 0.05
  /// Mean square below which sound counts as silence: -70 dB.
  private static let silence: Float = 1e-7
  /// Seconds of exact zeros amid sound that make a dropout.
  private static let dropout = 0.005...2.0

  let sampleRate: Int
  let frames: Int
  /// Mean square of all channels in steps of `step`.
  private(set) var levels: [Float] = []
  private(set) var onsets: [Onset] = []
  private(set) var dropouts: [Verification.Stretch] = []
  private(set) var clipped = 0
  let loudness: Double?
  let loudnessRange: Double?
  let truePeak: Double?

  var seconds: Double { Double(frames) / Double(sampleRate) }

  /// - Throws: `MediaError`
  init(of path: String) throws(MediaError) {
    let reader = try SoundReader(path: path)
    let meter = try LoudnessMeter(
      sampleRate: reader.sampleRate, channels: reader.channels, file: path)
    let channels = reader.channels
    sampleRate = reader.sampleRate
    guard sampleRate >= 8000 else {
      throw .notSound(file: path, reason: "\(sampleRate) Hz are too few to judge it by")
    }
    var detector = OnsetDetector(sampleRate: sampleRate)
    let perStep = Int(SoundSurvey.step * Double(sampleRate))
    var (count, sum, inStep) = (0, Float(0), 0)
    var (zeros, full) = (0, 0)
    var (isAmidSound, recent) = (false, Float(0))
    // The mean of about the last 5 ms.
    let fading = 1 / (0.005 * Float(sampleRate))
    while true {
      let samples = try reader.read(frames: 1 << 15)
      if samples.isEmpty { break }
      meter.add(samples)
      var mono = [Float](repeating: 0, count: samples.count / channels)
      for frame in mono.indices {
        var (total, largest, energy) = (Float(0), Float(0), Float(0))
        for channel in 0..<channels {
          let sample = samples[frame * channels + channel]
          total += sample
          energy += sample * sample
          largest = max(largest, abs(sample))
        }
        mono[frame] = total / Float(channels)
        sum += energy / Float(channels)
        inStep += 1
        if inStep == perStep {
          levels.append(sum / Float(perStep))
          (sum, inStep) = (0, 0)
        }
        full = largest >= 0.999_96 ? full + 1 : 0
        if full == 3 { clipped += 1 }
        // A fade to nothing is no dropout: what comes right before the zeros must be loud.
        if largest == 0 {
          if zeros == 0 { isAmidSound = isLoud(recent) }
          zeros += 1
        } else {
          let length = Double(zeros) / Double(sampleRate)
          if isAmidSound && SoundSurvey.dropout.contains(length) {
            dropouts.append(
              Verification.Stretch(
                start: Double(count + frame - zeros) / Double(sampleRate), seconds: length))
          }
          zeros = 0
        }
        recent += (energy / Float(channels) - recent) * fading
      }
      onsets += detector.push(mono)
      count += mono.count
    }
    onsets += detector.finish()
    frames = count
    (loudness, loudnessRange, truePeak) = (meter.integrated, meter.range, meter.truePeak)
  }

  /// The longest runs of steps that are silent, half a second and more.
  var silences: [Verification.Stretch] {
    var result: [Verification.Stretch] = []
    var start: Int?
    for index in 0...levels.count {
      if index < levels.count && levels[index] < SoundSurvey.silence {
        start = start ?? index
      } else if let from = start {
        let seconds = Double(index - from) * SoundSurvey.step
        if seconds >= 0.5 {
          result.append(
            Verification.Stretch(start: Double(from) * SoundSurvey.step, seconds: seconds))
        }
        start = nil
      }
    }
    return result
  }

  /// Mean jump of the level, in dB, from the tenth of a second before to the one after these places, over
  /// the same at places half-way between them.
  func seamRatio(at places: [Double]) -> (ratio: Double?, count: Int) {
    func jump(_ time: Double) -> Double? {
      let index = Int((time / SoundSurvey.step).rounded())
      guard index >= 2, index + 2 <= levels.count else { return nil }
      let before = levels[index - 2] + levels[index - 1] + SoundSurvey.silence
      let after = levels[index] + levels[index + 1] + SoundSurvey.silence
      return Double(abs(10 * log10(after / before)))
    }
    let seams = places.compactMap(jump)
    let hop = Double(WindowPlan.hop)
    let ordinary = places.flatMap { place in
      stride(from: 1.5, to: hop - 1, by: 0.5).compactMap { jump(place + $0) }
    }
    guard !seams.isEmpty, !ordinary.isEmpty else { return (nil, seams.count) }
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    return (mean(seams) / max(mean(ordinary), 1e-3), seams.count)
  }
}

/// -54 dB.
private func isLoud(_ meanSquare: Float) -> Bool { meanSquare > 4e-6 }
