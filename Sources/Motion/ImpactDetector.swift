/// A moment at which motion broke off or turned, before it is graded.
struct Impact: Sendable {
  var time: Double
  /// Change of speed times size: pixels per second, summed over blocks of the working picture.
  var mass: Float
  /// What the same place does anyway in the quarter second around, in the same unit.
  var baseline: Float
  /// Change of speed alone, pixels per second.
  var speed: Float
}

/// Finds impacts in the motion of blocks.
///
/// At each frame every block has an arrival velocity (from the frame before) and a departure velocity (to the next). Where a
/// thing flies on, the two agree; where gravity or a muscle slows it, they differ by a little in every frame; where it
/// hits, they differ by the whole speed, in one frame or two. A hit between frames k and k + 1 leaves the velocity of
/// that interval a mixture of before and after, so the loss splits between frames k and k + 1 in proportion to
/// the place of the hit between them: its centroid is the time of the hit.
struct ImpactDetector: Sendable {
  private struct Sample: Sendable {
    var time: Double
    /// Loss of speed times size for each window.
    var loss: [Float]
    var size: [Float]
    /// False next to a cut or a flash.
    var known: Bool
  }

  /// Half of the time over which a pulse may spread, and the time around it that makes its baseline.
  private static let pulse = 0.045
  private static let surroundings = 0.26
  /// Two impacts nearer than this are one sound.
  private static let separation = 0.085

  private let columns: Int
  private let rows: Int
  private var samples: [Sample] = []
  /// Index in `samples` of the first frame not yet looked at.
  private var next = 0
  private var waiting: [Impact] = []

  /// - Parameters: the grid of blocks.
  init(columns: Int, rows: Int) {
    self.columns = columns
    self.rows = rows
  }

  /// Windows of 5 x 5 blocks every 2 blocks.
  private static let window = 5
  private static let step = 2
  private var windowColumns: Int { max(1, (columns - Self.window + Self.step) / Self.step) }
  private var windowRows: Int { max(1, (rows - Self.window + Self.step) / Self.step) }

  /// Adds a frame with the motions before and after it; nil where a cut or a flash hides them.
  ///
  /// - Parameters:
  ///   - arrival: from this frame back to the one before, `arrivalSpan` seconds earlier.
  ///   - departure: from this frame to the next, `departureSpan` seconds later.
  mutating func add(
    time: Double, arrival: BlockFlow?, arrivalSpan: Double, departure: BlockFlow?,
    departureSpan: Double
  ) {
    let count = windowColumns * windowRows
    var sample = Sample(
      time: time, loss: [Float](repeating: 0, count: count),
      size: [Float](repeating: 0, count: count), known: false)
    if let arrival, let departure, arrivalSpan > 0, departureSpan > 0 {
      sample.known = true
      let before = Float(-1 / arrivalSpan)
      let after = Float(1 / departureSpan)
      var losses = [Float](repeating: 0, count: columns * rows)
      var sizes = [Float](repeating: 0, count: columns * rows)
      for index in 0..<columns * rows {
        let a = arrival.blocks[index]
        let d = departure.blocks[index]
        guard a.state == .moving, d.state != .lost else { continue }
        let (ax, ay) = (a.x * before, a.y * before)
        let (dx, dy) = (d.x * after, d.y * after)
        let speed = (ax * ax + ay * ay).squareRoot()
        guard speed > 1 else { continue }
        let loss = ((ax - dx) * ax + (ay - dy) * ay) / speed
        guard loss > 0 else { continue }
        losses[index] = loss * a.weight
        sizes[index] = a.weight
      }
      for windowRow in 0..<windowRows {
        for windowColumn in 0..<windowColumns {
          var (loss, size): (Float, Float) = (0, 0)
          let top = windowRow * Self.step
          let left = windowColumn * Self.step
          for row in top..<min(top + Self.window, rows) {
            for column in left..<min(left + Self.window, columns) {
              loss += losses[row * columns + column]
              size += sizes[row * columns + column]
            }
          }
          sample.loss[windowRow * windowColumns + windowColumn] = loss
          sample.size[windowRow * windowColumns + windowColumn] = size
        }
      }
    }
    samples.append(sample)
  }

  /// Impacts that nothing to come can change, in order of time.
  ///
  /// - Parameter ending: no more frames will come.
  mutating func take(ending: Bool = false) -> [Impact] {
    guard let newest = samples.last?.time else { return [] }
    while next < samples.count, ending || samples[next].time + Self.surroundings <= newest {
      look(at: next)
      next += 1
    }
    // Forget what lies too far back for any frame still to be looked at.
    let horizon = (next < samples.count ? samples[next].time : newest) - Self.surroundings - 0.1
    var old = 0
    while old < next, samples[old].time < horizon { old += 1 }
    if old > 8 {
      samples.removeFirst(old)
      next -= old
    }
    let settled =
      ending
      ? Double.infinity
      : (next > 0 ? samples[next - 1].time : -.infinity) - 2 * Self.separation - Self.pulse
    var impacts: [Impact] = []
    var rest: [Impact] = []
    for (index, impact) in waiting.enumerated() {
      if impact.time > settled {
        rest.append(impact)
        continue
      }
      let beaten = waiting.enumerated().contains { other, rival in
        other != index && abs(rival.time - impact.time) < Self.separation
          && (rival.mass, other) > (impact.mass, index)
      }
      if !beaten { impacts.append(impact) }
    }
    // Those that left may still beat later ones.
    let kept = waiting.filter { $0.time <= settled && $0.time > settled - Self.separation }
    shadows = kept
    waiting = rest.filter { candidate in
      !kept.contains {
        abs($0.time - candidate.time) < Self.separation && $0.mass >= candidate.mass
      }
    }
    return impacts.sorted { $0.time < $1.time }
  }

  /// Impacts already reported that lie near the border of what is settled.
  private var shadows: [Impact] = []

  private mutating func look(at centre: Int) {
    guard samples[centre].known else { return }
    let time = samples[centre].time
    // The frames of the pulse: at least one on each side.
    var first = centre
    var last = centre
    while first > 0, centre - first < 1 || time - samples[first - 1].time <= Self.pulse {
      first -= 1
    }
    while last < samples.count - 1,
      last - centre < 1 || samples[last + 1].time - time <= Self.pulse
    { last += 1 }
    var begin = first
    var end = last
    while begin > 0, time - samples[begin - 1].time <= Self.surroundings { begin -= 1 }
    while end < samples.count - 1, samples[end + 1].time - time <= Self.surroundings { end += 1 }
    guard (first...last).allSatisfy({ samples[$0].known }) else { return }

    var others = [Float]()
    for window in samples[centre].loss.indices {
      let peak = samples[centre].loss[window]
      if peak <= 4 { continue }
      if centre > 0, samples[centre - 1].loss[window] > peak { continue }
      if centre < samples.count - 1, samples[centre + 1].loss[window] >= peak { continue }
      others.removeAll(keepingCapacity: true)
      for index in begin...end where index < first || index > last {
        others.append(samples[index].loss[window])
      }
      others.sort()
      let baseline = others.isEmpty ? 0 : others[others.count / 2]
      var (mass, moment): (Float, Float) = (0, 0)
      var size: Float = 0
      for index in first...last {
        let excess = max(0, samples[index].loss[window] - baseline)
        if excess < 0.1 * (peak - baseline) { continue }
        mass += excess
        moment += excess * Float(samples[index].time - time)
        size = max(size, samples[index].size[window])
      }
      if mass <= 4 { continue }
      waiting.append(
        Impact(
          time: time + Double(moment / mass), mass: mass, baseline: baseline,
          speed: mass / max(size, 0.05)))
    }
    thin()
  }

  /// Of the many windows that saw one impact keep the one that saw most of it.
  private mutating func thin() {
    guard waiting.count > 1 else { return }
    waiting.sort { ($0.mass, $0.time) > ($1.mass, $1.time) }
    var kept: [Impact] = []
    for impact in waiting
    where !kept.contains(where: { abs($0.time - impact.time) < Self.separation }) {
      kept.append(impact)
    }
    waiting = kept
  }
}
