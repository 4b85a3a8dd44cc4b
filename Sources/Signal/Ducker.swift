import Foundation

/// Lowers one sound where another is heard: the gain of the ducked sound, from the level of the other (the side
/// chain).
///
/// The level is taken over 20 ms. From `-45` dB on the gain sinks, at `-25` dB and more it has sunk by the whole
/// depth. It is down when the other sound begins, for it looks ahead by a tenth of a second, and stays down for 0.3 s
/// after; ways down and up take a tenth of a second. All of its memory is finite, so a gain depends on the sound
/// within half a second alone.
public struct Ducker: Sendable {
  /// dB at which ducking begins, and at which it is complete.
  static let range: ClosedRange<Float> = -45 ... -25
  /// Milliseconds, the length of a step.
  private static let level = 20
  private static let ahead = 100
  private static let hold = 300
  private static let way = 100

  private let depth: Float
  private let samplesPerStep: Int
  private var energy: Float = 0
  private var inStep = 0
  private var received = 0
  private var given = 0
  /// Mean squares of the last `level` steps.
  private var energies: [Float] = []
  /// What is wanted in each step, 0 to 1, from step `wantedStart` on.
  private var wanted: [Float] = []
  private var wantedStart = 0
  /// The greatest wish within reach, from step `heldStart` on.
  private var held: [Float] = []
  private var heldStart = 0
  private var last: Float?

  /// - Parameter depth: dB by which the gain sinks, 0 or more.
  public init(depth: Float, sampleRate: Int = 48_000) {
    precondition(depth >= 0 && sampleRate % 1000 == 0)
    self.depth = depth
    samplesPerStep = sampleRate / 1000
  }

  /// Takes the next samples of the other sound and gives gains from where the last ones ended; they come about a
  /// tenth of a second late.
  public mutating func gains(_ sound: [Float]) -> [Float] {
    var gains: [Float] = []
    for sample in sound {
      energy += sample * sample
      inStep += 1
      received += 1
      if inStep == samplesPerStep { step(&gains) }
    }
    return gains
  }

  /// The rest: as many gains as samples were given, altogether.
  public mutating func finish() -> [Float] {
    var gains: [Float] = []
    let missing = received - given
    while gains.count < missing { step(&gains) }
    given = received
    return Array(gains.prefix(missing))
  }

  private mutating func step(_ gains: inout [Float]) {
    energies.append(energy / Float(samplesPerStep))
    (energy, inStep) = (0, 0)
    if energies.count > Ducker.level { energies.removeFirst() }
    let mean = energies.reduce(0, +) / Float(Ducker.level)
    let decibels = 10 * log10(max(mean, 1e-12))
    let (low, high) = (Ducker.range.lowerBound, Ducker.range.upperBound)
    wanted.append(min(1, max(0, (decibels - low) / (high - low))))
    // A step is held once all that lies ahead of it is known.
    let known = wantedStart + wanted.count
    let next = heldStart + held.count
    guard known > next + Ducker.ahead else { return }
    let from = max(0, next - Ducker.hold)
    held.append(wanted[from - wantedStart...next + Ducker.ahead - wantedStart].max() ?? 0)
    if from > wantedStart {
      wanted.removeFirst(from - wantedStart)
      wantedStart = from
    }
    // The way is the mean of what was held of late; before the sound it was as at its start.
    let span = held.suffix(Ducker.way)
    let lacking = Float(Ducker.way - span.count) * (span.first ?? 0)
    let depthHere = (span.reduce(0, +) + lacking) / Float(Ducker.way)
    let gain = pow(10, -depth * depthHere / 20)
    let before = last ?? gain
    for sample in 1...samplesPerStep {
      gains.append(before + (gain - before) * Float(sample) / Float(samplesPerStep))
    }
    last = gain
    given += samplesPerStep
    if held.count > 2 * Ducker.way {
      held.removeFirst(Ducker.way)
      heldStart += Ducker.way
    }
  }
}
