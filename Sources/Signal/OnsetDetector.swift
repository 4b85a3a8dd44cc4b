import Foundation

/// Something in a sound that begins.
public struct Onset: Sendable, Equatable {
  /// Seconds from the start of the sound.
  public var time: Double
  /// How much the log energies of the bands grow on average, above what they do around; 0.35 and more.
  public var salience: Float
  /// Energy of the 40 ms that follow, mean square.
  public var level: Float

  public init(time: Double, salience: Float, level: Float) {
    (self.time, self.salience, self.level) = (time, salience, level)
  }
}

/// Finds the onsets in a stream of samples: peaks of the flux of log band energies on a grid of 5 ms, each then
/// moved to the steepest rise of the energy nearby (about 1 ms).
///
/// What it finds does not depend on how the sound is cut into pieces. It holds about a second of sound, and an
/// onset is told `OnsetDetector.delay` after it happened.
public struct OnsetDetector: Sendable {
  /// Seconds of sound that must follow an onset before it is told.
  public static let delay = 0.45
  /// From one frame of the grid to the next, in seconds.
  private static let hop = 0.005
  private static let bands = 36
  private static let size = 1024
  /// Frames between the two that flux compares.
  private static let lag = 3
  /// Frames on either side of the median that flux is measured against.
  private static let around = 70
  /// Frames on either side among which an onset is the greatest.
  private static let neighbours = 6
  /// Frames after an onset within which it must be loud.
  private static let body = 8
  /// Least flux above its surroundings.
  private static let threshold: Float = 0.35
  /// Share of the strongest flux of late that an onset must reach.
  private static let relativeThreshold: Float = 0.22
  /// Mean square of a band that counts as silence at any rate: -90 dB.
  private static let silence: Float = 1e-9
  /// Blocks of 1 ms that energies are compared over, before and after.
  private static let reach = 8
  /// Blocks on either side in which the steepest rise is looked for.
  private static let search = 30
  /// Seconds between two onsets at least.
  private static let distance = 0.05

  private let rate: Int
  private let samplesPerHop: Int
  private let samplesPerBlock: Int
  private let fft = RealFFT(size: size)
  private let window = hannWindow(size)
  private let edges: [Int]

  /// Samples from `first` on; half a frame of silence stands before the sound.
  private var samples: [Float]
  private var first: Int
  private var received = 0
  /// Frame `framesStart + i`: its log levels, flux and loudness.
  private var levels: [[Float]] = []
  private var flux: [Float] = []
  private var loudness: [Float] = []
  private var framesStart = 0
  /// Energies of blocks of 1 ms, from `blocksStart` on, and what is left of a block.
  private var blocks: [Float] = []
  private var blocksStart = 0
  private var block: (energy: Float, count: Int) = (0, 0)
  /// The next frame to be judged.
  private var next = 1
  /// The loudest frame and the strongest excess so far, fading.
  private var loudest: Float = 0
  private var strongest: Float = 0
  private var last: Double?

  /// - Parameter sampleRate: in hertz, 8000 or more.
  public init(sampleRate: Int = 48_000) {
    precondition(sampleRate >= 8000, "\(sampleRate) Hz are too few to find onsets in")
    rate = sampleRate
    samplesPerHop = Int((OnsetDetector.hop * Double(rate)).rounded())
    samplesPerBlock = rate / 1000
    let (low, high) = (80.0, min(18_000, Double(rate) / 2))
    edges = (0...OnsetDetector.bands).map { edge in
      let frequency = low * pow(high / low, Double(edge) / Double(OnsetDetector.bands))
      return Int((frequency * Double(OnsetDetector.size) / Double(sampleRate)).rounded(.up))
    }
    samples = [Float](repeating: 0, count: OnsetDetector.size / 2)
    first = -OnsetDetector.size / 2
  }

  /// Takes more samples, and gives the onsets that are certain by now, in order.
  public mutating func push(_ sound: some Sequence<Float>) -> [Onset] {
    for sample in sound {
      samples.append(sample)
      block.energy += sample * sample
      block.count += 1
      if block.count == samplesPerBlock {
        blocks.append(block.energy)
        block = (0, 0)
      }
      received += 1
    }
    return analyse(untilEnd: false)
  }

  /// The rest, once no more samples come.
  public mutating func finish() -> [Onset] {
    samples += [Float](repeating: 0, count: OnsetDetector.size)
    if block.count > 0 { blocks.append(block.energy) }
    return analyse(untilEnd: true)
  }

  /// All onsets before this time, in seconds, are known.
  public var horizon: Double {
    max(0, Double(received) / Double(rate) - OnsetDetector.delay)
  }

  // MARK: Frames

  private mutating func analyse(untilEnd: Bool) -> [Onset] {
    while true {
      let frame = framesStart + flux.count
      let start = frame * samplesPerHop - OnsetDetector.size / 2
      guard start + OnsetDetector.size <= first + samples.count, start < received else { break }
      measure(Array(samples[start - first..<start - first + OnsetDetector.size]))
    }
    var found: [Onset] = []
    let known = framesStart + flux.count
    // The search for the steepest rise looks ahead by 38 ms, the median by 350.
    let ready = untilEnd ? known - 1 : known - OnsetDetector.around - OnsetDetector.body - 1
    while next < ready {
      if let onset = judge(next, known: known) { found.append(onset) }
      next += 1
    }
    forget()
    return found
  }

  private mutating func measure(_ frame: [Float]) {
    let (real, imaginary) = fft.forward(zip(frame, window).map(*))
    let power = edges.indices.dropLast().map { band -> Float in
      let bins = edges[band]..<max(edges[band] + 1, edges[band + 1])
      return bins.reduce(0) { sum, bin in
        bin < real.count ? sum + real[bin] * real[bin] + imaginary[bin] * imaginary[bin] : sum
      }
    }
    // Of the window's samples squared: to mean square.
    let scale = 1 / (0.375 * Float(OnsetDetector.size) * Float(OnsetDetector.size) / 2)
    let total = power.reduce(0, +) * scale
    // Fades by half within ten seconds.
    loudest = max(total, loudest * 0.999_65)
    let floor = OnsetDetector.silence + 1e-6 * loudest / Float(OnsetDetector.bands)
    let level = power.map { log($0 * scale + floor) }
    var growth: Float = 0
    if levels.count >= OnsetDetector.lag {
      let before = levels[levels.count - OnsetDetector.lag]
      for band in level.indices { growth += max(0, level[band] - before[band]) }
    }
    levels.append(level)
    if levels.count > OnsetDetector.lag { levels.removeFirst() }
    flux.append(growth / Float(OnsetDetector.bands))
    loudness.append(total)
  }

  /// Whether something begins at a frame.
  private mutating func judge(_ frame: Int, known: Int) -> Onset? {
    func value(_ index: Int) -> Float { flux[index - framesStart] }
    let span =
      max(
        framesStart, frame - OnsetDetector.around)...min(
        known - 1, frame + OnsetDetector.around)
    let near =
      max(
        framesStart, frame - OnsetDetector.neighbours)...min(
        known - 1, frame + OnsetDetector.neighbours)
    let here = value(frame)
    // Most frames are no peak; the median is only worth its price at those that are.
    guard here > OnsetDetector.threshold, near.allSatisfy({ value($0) <= here }) else {
      strongest *= 0.999_3
      return nil
    }
    let excess = here - span.map(value).sorted()[span.count / 2]
    strongest = max(excess, strongest * 0.999_3)
    guard excess > max(OnsetDetector.threshold, OnsetDetector.relativeThreshold * strongest) else {
      return nil
    }
    // An onset is also loud: what follows reaches -36 dB of the loudest.
    let after = frame...min(known - 1, frame + OnsetDetector.body)
    let level = after.map { loudness[$0 - framesStart] }.max() ?? 0
    guard level > 2.5e-4 * loudest else { return nil }
    return refined(Double(frame) * OnsetDetector.hop, excess, level)
  }

  /// The onset at the steepest rise of energy nearby; nil for the wavering of a steady sound.
  private mutating func refined(_ time: Double, _ salience: Float, _ level: Float) -> Onset? {
    let centre = Int((time * 1000).rounded())
    let reach = OnsetDetector.reach
    let lowest = max(blocksStart + reach, centre - OnsetDetector.search)
    let highest = min(blocksStart + blocks.count - reach, centre + OnsetDetector.search)
    guard lowest <= highest else { return nil }
    let floor = 1e-3 * OnsetDetector.silence * Float(samplesPerBlock) + 1e-20
    func energy(_ range: Range<Int>) -> Float {
      range.reduce(floor) { $0 + blocks[$1 - blocksStart] }
    }
    var best: (rise: Float, block: Int, growth: Float) = (-.infinity, centre, 0)
    for block in lowest...highest {
      let (before, after) = (energy(block - reach..<block), energy(block..<block + reach))
      let growth = log(after / before)
      let rise = growth + 0.5 * log(after)
      if rise > best.rise { best = (rise, block, growth) }
    }
    // 2 dB
    guard best.growth >= 0.5 else { return nil }
    let when = Double(best.block * samplesPerBlock) / Double(rate)
    if let last, when - last <= OnsetDetector.distance { return nil }
    last = when
    return Onset(time: when, salience: salience, level: level)
  }

  /// Drops what no later frame looks at.
  private mutating func forget() {
    let oldest = max(framesStart, next - OnsetDetector.around - 1)
    flux.removeFirst(oldest - framesStart)
    loudness.removeFirst(oldest - framesStart)
    framesStart = oldest
    let frame = framesStart + flux.count
    let sample = min(received, frame * samplesPerHop - OnsetDetector.size / 2)
    if sample > first {
      samples.removeFirst(min(samples.count, sample - first))
      first = sample
    }
    let block =
      Int(Double(next) * OnsetDetector.hop * 1000) - OnsetDetector.search
      - OnsetDetector.reach - 10
    if block > blocksStart {
      blocks.removeFirst(min(blocks.count, block - blocksStart))
      blocksStart = block
    }
  }
}
