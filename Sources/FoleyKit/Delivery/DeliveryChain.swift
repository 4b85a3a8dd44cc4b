import Foundation
import Media
import Signal

/// A stretch of the delivered sound. Its parts add up to it; each is a middle and, with two channels, a side: left is
/// their sum, right their difference.
struct DeliveredPiece {
  struct Part {
    var middle: [Float]
    var side: [Float]?
  }

  var parts: [Part]

  /// Samples of each channel.
  var frames: Int { parts[0].middle.count }

  /// The whole sound.
  private var sum: Part {
    parts.dropFirst().reduce(into: parts[0]) { sum, part in
      for frame in sum.middle.indices { sum.middle[frame] += part.middle[frame] }
      if let side = part.side { for frame in side.indices { sum.side![frame] += side[frame] } }
    }
  }

  /// The whole sound's channels, interleaved.
  var interleaved: [Float] {
    let sum = sum
    return sum.side.map { spread(sum.middle, $0, +, -) } ?? sum.middle
  }

  /// All channels that must stay under the ceiling: those of the whole and, for one of them may be louder than the
  /// sum, those of the parts.
  var channels: [[Float]] {
    (parts.count > 1 ? [sum] + parts : parts).flatMap { part -> [[Float]] in
      guard let side = part.side else { return [part.middle] }
      return [zip(part.middle, side).map(+), zip(part.middle, side).map(-)]
    }
  }

  /// How many `channels` there are.
  static func channelCount(parts: Int, channels: Int) -> Int {
    (parts > 1 ? parts + 1 : 1) * channels
  }
}

/// Left and right by turns, of middle and side.
func spread<Sample>(
  _ middle: [Sample], _ side: [Sample], _ sum: (Sample, Sample) -> Sample,
  _ difference: (Sample, Sample) -> Sample
) -> [Sample] {
  var channels: [Sample] = []
  channels.reserveCapacity(2 * middle.count)
  for frame in middle.indices {
    channels.append(sum(middle[frame], side[frame]))
    channels.append(difference(middle[frame], side[frame]))
  }
  return channels
}

/// From samples as they were made to those that are delivered, a stretch at a time. What comes out is late, the rest
/// comes from `finish`.
protocol DeliveryChain {
  /// - Parameters:
  ///   - sounds: samples of each new sound, mono.
  ///   - original: of the clip's own, interleaved; empty where it is not wanted.
  mutating func process(_ sounds: [[Float]], original: [Float]) -> DeliveredPiece
  mutating func finish() -> DeliveredPiece
  /// The most the limiter has taken away, in dB.
  var limiterReduction: Float { get }
}

/// New sounds alone. Whatever is done to the level is done to all of them alike, and to middle and side alike, so that
/// they still add up to the whole and the middle is still the mono sound.
struct SeparateChain: DeliveryChain {
  private let gain: Float
  private var wideners: [StereoWidener]
  private var limiter: LinkedLimiter?
  private var waiting: FrameQueue

  /// - Parameter limits: not needed where the sound is under the ceiling already.
  init(_ settings: DeliverySettings, gain: Float, sounds: Int, limits: Bool) {
    self.gain = gain
    wideners = Array(repeating: StereoWidener(), count: settings.isWide ? sounds : 0)
    limiter =
      limits
      ? LinkedLimiter(
        ceiling: settings.aimedCeiling,
        channels: DeliveredPiece.channelCount(parts: sounds, channels: settings.channels)) : nil
    waiting = FrameQueue(channels: sounds * settings.channels)
  }

  var limiterReduction: Float { limiter?.maximumReduction ?? 0 }

  mutating func process(_ sounds: [[Float]], original: [Float]) -> DeliveredPiece {
    let middles = gain == 1 ? sounds : sounds.map { $0.map { $0 * gain } }
    let sides = wideners.indices.map { wideners[$0].side(of: middles[$0]) }
    let piece = SeparateChain.piece(middles + sides, sounds.count)
    guard limiter != nil else { return piece }
    waiting.push(middles + sides)
    let gains = limiter?.gains(piece.channels) ?? []
    return SeparateChain.piece(waiting.pop(times: gains), sounds.count)
  }

  mutating func finish() -> DeliveredPiece {
    let channels = waiting.pop(times: limiter?.finish() ?? [])
    return SeparateChain.piece(
      channels, wideners.isEmpty ? channels.count : channels.count / 2)
  }

  private static func piece(_ channels: [[Float]], _ sounds: Int) -> DeliveredPiece {
    DeliveredPiece(
      parts: (0..<sounds).map { sound in
        DeliveredPiece.Part(
          middle: channels[sound],
          side: channels.count > sounds ? channels[sounds + sound] : nil)
      })
  }
}

/// The new sound and the clip's own in one.
struct MixedChain: DeliveryChain {
  private let settings: DeliverySettings
  private let newGain: Float
  private let originalGain: Float
  private let gain: Float
  private var ducker: Ducker?
  private var undecided: FrameQueue
  private var widener: StereoWidener?
  private var limiter: LinkedLimiter
  private var waiting: FrameQueue

  init(_ settings: DeliverySettings, gain: Float) {
    self.settings = settings
    self.gain = gain
    newGain = pow(10, Float(settings.gain) / 20)
    originalGain = pow(10, Float(settings.originalGain) / 20)
    if case .ducked(let depth) = settings.mixing { ducker = Ducker(depth: depth) }
    undecided = FrameQueue(channels: 1 + settings.channels)
    widener = settings.isWide ? StereoWidener() : nil
    limiter = LinkedLimiter(ceiling: settings.aimedCeiling, channels: settings.channels)
    waiting = FrameQueue(channels: settings.channels)
  }

  var limiterReduction: Float { limiter.maximumReduction }

  mutating func process(_ sounds: [[Float]], original: [Float]) -> DeliveredPiece {
    let new = sounds[0].map { $0 * newGain }
    let channels = settings.channels
    let own = (0..<channels).map { channel in
      stride(from: channel, to: original.count, by: channels).map { original[$0] * originalGain }
    }
    guard ducker != nil else { return limit(mixed(new, own)) }
    undecided.push([new] + own)
    let gains = ducker?.gains(new) ?? []
    return limit(ducked(gains))
  }

  mutating func finish() -> DeliveredPiece {
    let rest = limit(ducked(ducker?.finish() ?? []))
    var frames = waiting.pop(times: limiter.finish())
    frames[0] = rest.parts[0].middle + frames[0]
    if let side = rest.parts[0].side { frames[1] = side + frames[1] }
    return DeliveredPiece(frames)
  }

  private mutating func ducked(_ gains: [Float]) -> [[Float]] {
    let frames = undecided.pop(gains.count)
    return mixed(frames[0], frames.dropFirst().map { zip($0, gains).map { $0 * $1 } })
  }

  /// Middle and, with two channels, side.
  private mutating func mixed(_ new: [Float], _ own: [[Float]]) -> [[Float]] {
    guard own.count == 2 else { return [zip(new, own[0]).map { ($0 + $1) * gain }] }
    let middle = new.indices.map { (new[$0] + (own[0][$0] + own[1][$0]) / 2) * gain }
    var side = new.indices.map { (own[0][$0] - own[1][$0]) / 2 * gain }
    if widener != nil, let width = widener?.side(of: new) {
      for index in side.indices { side[index] += width[index] * gain }
    }
    return [middle, side]
  }

  private mutating func limit(_ frames: [[Float]]) -> DeliveredPiece {
    waiting.push(frames)
    let gains = limiter.gains(DeliveredPiece(frames).channels)
    return DeliveredPiece(waiting.pop(times: gains))
  }
}

extension DeliverySettings {
  /// The limiters' aim: rounding and dither, and what other meters make of a crest, come on top.
  var aimedCeiling: Float { Float(ceiling) - 0.05 }
}

extension DeliveredPiece {
  /// Of a middle and perhaps a side.
  fileprivate init(_ frames: [[Float]]) {
    parts = [Part(middle: frames[0], side: frames.count > 1 ? frames[1] : nil)]
  }

}

/// Samples of several streams that wait for something to be decided.
private struct FrameQueue {
  private var channels: [[Float]]

  init(channels: Int) { self.channels = Array(repeating: [], count: channels) }

  mutating func push(_ samples: [[Float]]) {
    for index in channels.indices { channels[index] += samples[index] }
  }

  mutating func pop(_ count: Int) -> [[Float]] {
    channels.indices.map { index in
      let first = Array(channels[index].prefix(count))
      channels[index].removeFirst(count)
      return first
    }
  }

  /// As many as there are gains, multiplied by them.
  mutating func pop(times gains: [Float]) -> [[Float]] {
    pop(gains.count).map { channel in zip(channel, gains).map { $0 * $1 } }
  }
}
