import Foundation

/// Keeps what follows a stroke from rising again before the next one.
///
/// The generator's decays carry ripples that one hears as further strokes. Once a stroke has begun to fall, every band
/// may only fall on, at up to twice the pace of the whole, down to a little below what sounded before; where no other
/// stroke follows the bands are set free again, too slowly to be heard. What goes on (a cry) is left alone until it
/// falls; a bell fades more slowly than a knock.
///
/// A stream of log-mel frames and of the places at which `StrokePlacer` says that strokes begin: what comes out does
/// not depend on the pieces they come in.
struct DecayGuard {
  /// Decibels below its peak to which a stroke has fallen, over so many seconds, and seconds after its onset that
  /// this takes at least.
  private static let drop: Float = 6
  private static let average = 0.030
  private static let attack = 0.050
  /// How fast bands must fall against what the sound does of itself, from its onset to 20 dB below its peak or
  /// through so many seconds; and the most this can be, in decibels per second.
  private static let haste: Float = 2
  private static let observation = 0.60
  private static let fall: Float = 80
  /// A band may always be this loud against what sounded before, and is lowered by so much at most; decibels.
  private static let background: Float = -3
  private static let most: Float = -30
  /// Time constant, in seconds, of the level a band is taken to have.
  private static let smoothing = 0.015
  /// Seconds for which bands are held where no other stroke follows, then decibels per second by which they are set
  /// free.
  private static let hold = 1.0
  private static let release: Float = 24
  /// What sounded before is the quietest quarter of so many seconds before the stroke.
  private static let memory = 0.20
  /// Over so many seconds a decay is measured, and seconds of its attack that are none of it.
  private static let smoothed = 0.050
  private static let slope = 0.020

  private let bands: Int
  /// Frames per second.
  private let rate: Float

  private var input: LogMelBuffer
  private var next = 0
  /// Frames at which strokes begin, in order.
  private var onsets: [Int] = []
  /// Powers of the bands of the last frames, as they were told.
  private var told: [[Float]] = []
  private var stroke: Stroke?
  private var decay: Decay?

  /// A sound that has not begun to fall.
  private struct Stroke {
    var onset: Int
    /// Power of each band before it.
    var background: [Float]
    var peak: Float = 0
  }

  /// The way down.
  private struct Decay {
    var start: Int
    var background: [Float]
    /// Factor of power from frame to frame.
    var fall: Float
    /// For each band the power it has, smoothed, and the power it may have.
    var level: [Float]
    var ceiling: [Float]
  }

  /// - Parameter rate: frames per second.
  init(bands: Int, rate: Double) {
    self.bands = bands
    self.rate = Float(rate)
    input = LogMelBuffer(bands: bands)
  }

  private func frames(_ seconds: Double) -> Int { Int((seconds * Double(rate)).rounded()) }
  private var margin: Int { frames(StrokePlacer.margin) }
  private var slope: Int { frames(DecayGuard.slope) }

  /// Takes more frames, and gives those that are certain by now: [frames, bands], logarithms of magnitudes.
  mutating func push(_ placed: StrokePlacer.Placed) -> [Float] {
    input.append(placed.frames)
    onsets += placed.strokes
    // A stroke is asked for its decay.
    return tell(until: input.end - frames(DecayGuard.observation))
  }

  /// The rest.
  mutating func finish() -> [Float] { tell(until: input.end) }

  private mutating func tell(until end: Int) -> [Float] {
    guard end > next else { return [] }
    var out: [Float] = []
    out.reserveCapacity((end - next) * bands)
    while next < end {
      let frame = input[next]
      let power = frame.map { exp(2 * $0) }
      let gains = gains(power)
      out += zip(frame, gains).map { $0 + $1 }
      told.append(zip(power, gains).map { $0 * exp(2 * $1) })
      if told.count > frames(DecayGuard.memory) { told.removeFirst() }
      next += 1
    }
    input.drop(before: next - frames(DecayGuard.smoothed))
    return out
  }

  // MARK: What is lowered

  /// What the next frame is multiplied by, logarithms for each band.
  private mutating func gains(_ power: [Float]) -> [Float] {
    while let onset = onsets.first, onset - margin <= next {
      onsets.removeFirst()
      (stroke, decay) = (Stroke(onset: onset, background: quietest()), nil)
    }
    if let stroke { follow(stroke, power) }
    return lowered(power)
  }

  /// Power of the bands in the quietest quarter of what was told last.
  private func quietest() -> [Float] {
    let quiet = told.sorted { $0.reduce(0, +) < $1.reduce(0, +) }.prefix(max(1, told.count / 4))
    return (0..<bands).map { band in
      quiet.reduce(0) { $0 + $1[band] } / Float(max(1, quiet.count))
    }
  }

  /// Waits for a stroke to fall.
  private mutating func follow(_ stroke: Stroke, _ power: [Float]) {
    guard next >= stroke.onset else { return }
    let peak = max(stroke.peak, power.reduce(0, +))
    self.stroke?.peak = peak
    guard next >= stroke.onset + frames(DecayGuard.attack),
      input.level(next..<next + frames(DecayGuard.average)) < peak
        * DecayGuard.factor(-DecayGuard.drop)
    else { return }
    let fall = min(DecayGuard.fall, DecayGuard.haste * ownFall(from: stroke.onset, peak))
    self.stroke = nil
    decay = Decay(
      start: next, background: stroke.background, fall: DecayGuard.factor(-fall / rate),
      level: power, ceiling: power)
  }

  /// Decibels per second by which the sound falls of itself.
  private func ownFall(from onset: Int, _ peak: Float) -> Float {
    // Not into the next stroke.
    let following = onsets.first ?? .max
    let end = min(onset + frames(DecayGuard.observation), following - margin, input.end) - 1
    let around = frames(DecayGuard.smoothed) / 2
    func smoothed(_ frame: Int) -> Float { input.level(frame - around..<frame + around + 1) }
    guard end > next else { return 0 }
    let fallen = (next...end).first { smoothed($0) < 0.01 * peak } ?? end
    let time = Float(max(1, fallen - onset - slope)) / rate
    return max(0, 10 * log10(peak / smoothed(fallen))) / time
  }

  /// Holds the bands of a decay down.
  private mutating func lowered(_ power: [Float]) -> [Float] {
    guard var decay else { return [Float](repeating: 0, count: bands) }
    let time = Float(next - decay.start) / rate
    let freed = DecayGuard.release * max(0, time - Float(DecayGuard.hold))
    let keep = Float(exp(-1 / (DecayGuard.smoothing * Double(rate))))
    let fall = freed > 0 ? 1 : decay.fall
    let (rest, free) = (DecayGuard.factor(DecayGuard.background), DecayGuard.factor(freed))
    let gains = (0..<bands).map { band in
      decay.level[band] = keep * decay.level[band] + (1 - keep) * power[band]
      decay.ceiling[band] = min(decay.ceiling[band] * fall, decay.level[band])
      let allowed = max(decay.ceiling[band], decay.background[band] * rest) * free
      let gain = allowed < power[band] ? 0.5 * log(allowed / power[band]) : 0
      return max(gain, 0.5 * log(DecayGuard.factor(DecayGuard.most)))
    }
    // The deepest ceiling is far above its sound again.
    self.decay = freed < 100 ? decay : nil
    return gains
  }

  /// The factor of power that so many decibels are.
  private static func factor(_ decibels: Float) -> Float { pow(10, decibels / 10) }
}
