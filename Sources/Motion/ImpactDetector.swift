import Foundation

/// Finds impacts in the motion of blocks.
///
/// At each frame every block has an arrival velocity (from the frame before) and a departure
/// velocity (to the next). Where a thing flies on, the two agree; where gravity or a muscle slows
/// it, they differ by a little in every frame; where it hits, they differ by the whole speed, in
/// one frame or two. A hit between frames k and k + 1 leaves the velocity of that interval a
/// mixture of before and after, so the loss splits between frames k and k + 1 in proportion to the
/// place of the hit between them: its centroid is the time of the hit.
///
/// Losses are summed over windows of the picture and, so that things moving against each other do
/// not cancel, for each of eight directions apart.
struct ImpactDetector: Sendable {
  /// One window and direction at one frame.
  private struct Cell: Sendable {
    /// Loss of speed along the direction times size, pixels per second and blocks.
    var loss: Float = 0
    /// Size of what moves, blocks.
    var size: Float = 0
    /// Speed of arrival along the direction times size.
    var speed: Float = 0
  }

  private struct Sample: Sendable {
    var time: Double
    var cells: [Cell]
    /// Blocks that changed since the frame before, by window and in all.
    var area: [Float]
    var totalArea: Float = 0
    /// False next to a cut or a flash.
    var known: Bool
  }

  /// Half of the time over which a pulse may spread, and the time around it that makes its
  /// baseline.
  private static let pulse = 0.045
  private static let surroundings = 0.26
  private static let approach = 0.1
  /// Two impacts nearer than this are one sound.
  private static let separation = 0.085
  /// Windows of 5 x 5 blocks every 2 blocks.
  private static let window = 5
  private static let step = 2
  private static let directions = (0..<8).map { index in
    let angle = Float(index) * .pi / 4
    return (x: cos(angle), y: sin(angle))
  }

  private let columns: Int
  private let rows: Int
  private let windowColumns: Int
  private let windowRows: Int
  private var samples: [Sample] = []
  /// Index in `samples` of the first frame not yet looked at.
  private var next = 0
  private var waiting: [Impact] = []
  private var lastReported: Impact?

  /// - Parameters: the grid of blocks.
  init(columns: Int, rows: Int) {
    self.columns = columns
    self.rows = rows
    windowColumns = max(1, (columns - Self.window + Self.step) / Self.step)
    windowRows = max(1, (rows - Self.window + Self.step) / Self.step)
  }

  /// Adds a frame with the motions before and after it; nil where a cut or a flash hides them.
  ///
  /// - Parameters:
  ///   - arrival: from this frame back to the one before, `arrivalSpan` seconds earlier.
  ///   - departure: from this frame to the next, `departureSpan` seconds later.
  mutating func add(
    time: Double, arrival: BlockFlow?, arrivalSpan: Double, departure: BlockFlow?,
    departureSpan: Double
  ) {
    let directions = Self.directions
    let count = windowColumns * windowRows * directions.count
    let windows = windowColumns * windowRows
    var sample = Sample(
      time: time, cells: [Cell](repeating: Cell(), count: count),
      area: [Float](repeating: 0, count: windows), known: false)
    if let arrival, let departure, arrivalSpan > 0, departureSpan > 0 {
      sample.known = true
      let before = Float(-1 / arrivalSpan)
      let after = Float(1 / departureSpan)
      for row in 0..<rows {
        for column in 0..<columns {
          let a = arrival.blocks[row * columns + column]
          let d = departure.blocks[row * columns + column]
          if a.weight == 0 && d.weight == 0 { continue }
          let (ax, ay) = (a.x * before, a.y * before)
          let (lx, ly) = (ax - d.x * after, ay - d.y * after)
          // The windows that hold this block.
          let lastColumn = min(column / Self.step, windowColumns - 1)
          let firstColumn = min(max(0, (column - Self.window + Self.step) / Self.step), lastColumn)
          let lastRow = min(row / Self.step, windowRows - 1)
          let firstRow = min(max(0, (row - Self.window + Self.step) / Self.step), lastRow)
          sample.totalArea += a.weight
          for windowRow in firstRow...lastRow {
            for windowColumn in firstColumn...lastColumn {
              let window = windowRow * windowColumns + windowColumn
              sample.area[window] += a.weight
            }
          }
          guard a.state != .lost, d.state != .lost, a.state == .moving || d.state == .moving
          else { continue }
          let weight = max(a.weight, d.weight)
          for (number, direction) in directions.enumerated() {
            let loss = max(0, lx * direction.x + ly * direction.y) * weight
            let speed = (ax * direction.x + ay * direction.y) * weight
            for windowRow in firstRow...lastRow {
              for windowColumn in firstColumn...lastColumn {
                let index =
                  (windowRow * windowColumns + windowColumn) * directions.count + number
                sample.cells[index].loss += loss
                sample.cells[index].size += weight
                sample.cells[index].speed += speed
              }
            }
          }
        }
      }
    }
    samples.append(sample)
  }

  /// Impacts that nothing to come can change, in order of time, and the time before which there
  /// will be no others.
  ///
  /// - Parameter ending: no more frames will come.
  mutating func take(ending: Bool = false) -> (impacts: [Impact], settled: Double) {
    guard let newest = samples.last?.time else { return ([], ending ? .infinity : -.infinity) }
    while next < samples.count, ending || samples[next].time + Self.surroundings <= newest {
      look(at: next)
      next += 1
    }
    // An impact found at a later frame lies at most a pulse before it, and beats only its
    // neighbours.
    let looked = next > 0 ? samples[next - 1].time : -.infinity
    let settled = ending ? .infinity : looked - Self.separation - Self.pulse
    let impacts = waiting.filter { $0.time <= settled }.sorted { $0.time < $1.time }
    waiting.removeAll { $0.time <= settled }
    if let last = impacts.last { lastReported = last }

    // Forget what lies too far back for any frame still to be looked at.
    let horizon = (next < samples.count ? samples[next].time : newest) - Self.surroundings - 0.1
    var old = 0
    while old < next, samples[old].time < horizon { old += 1 }
    samples.removeFirst(old)
    next -= old
    return (impacts, settled)
  }

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
    guard (first...last).allSatisfy({ samples[$0].known }) else { return }
    var begin = first
    var end = last
    while begin > 0, time - samples[begin - 1].time <= Self.surroundings { begin -= 1 }
    while end < samples.count - 1, samples[end + 1].time - time <= Self.surroundings { end += 1 }

    var others = [Float]()
    for index in samples[centre].cells.indices {
      let peak = samples[centre].cells[index].loss
      if peak <= 2 { continue }
      if centre > 0, samples[centre - 1].cells[index].loss > peak { continue }
      if centre < samples.count - 1, samples[centre + 1].cells[index].loss >= peak { continue }
      others.removeAll(keepingCapacity: true)
      for other in begin...end where other < first || other > last {
        others.append(samples[other].cells[index].loss)
      }
      others.sort()
      let baseline = others.isEmpty ? 0 : others[others.count / 2]
      var (mass, size): (Float, Float) = (0, 0)
      for frame in first...last {
        let cell = samples[frame].cells[index]
        mass += max(0, cell.loss - baseline)
        size = max(size, cell.size)
      }
      if mass <= 3 { continue }
      // The time comes from mean losses: the size of what moves shrinks as it comes to rest.
      var (weight, moment): (Float, Float) = (0, 0)
      for frame in first...last {
        let cell = samples[frame].cells[index]
        let excess = max(0, cell.loss - baseline) / max(cell.size, 0.3 * size)
        weight += excess
        moment += excess * Float(samples[frame].time - time)
      }
      let impactTime = time + Double(moment / weight)
      // Mean speed along the direction in the frame intervals before and after.
      var before: (sum: Float, size: Float) = (0, 0)
      var after: (sum: Float, size: Float) = (0, 0)
      // What flies on out of the window shows up in the windows ahead.
      let near = windowAhead(of: index, steps: 1)
      let far = windowAhead(of: index, steps: 2)
      var escaped: SIMD2<Float> = .zero
      var framesAfter: Float = 0
      var (lastSpeed, earlierSpeed): (Float, Float) = (0, 0)
      var (areaBefore, areaAfter): (Float, Float) = (0, 0)
      let window = index / Self.directions.count
      let focus =
        samples[centre].area[window] / max(samples[centre].totalArea, 0.1)
      for frame in max(begin, 1)...max(end, 1) {
        let cell = samples[frame].cells[index]
        let (start, stop) = (samples[frame - 1].time, samples[frame].time)
        let slack = 0.3 * (stop - start)
        if stop <= impactTime + slack, impactTime - stop < Self.approach {
          before.sum += cell.speed
          before.size += cell.size
          earlierSpeed = lastSpeed
          lastSpeed = cell.speed / max(cell.size, 0.25 * size)
          areaBefore = max(areaBefore, samples[frame].area[window])
        } else if start >= impactTime - slack, start - impactTime < Self.approach {
          after.sum += cell.speed
          after.size += cell.size
          framesAfter += 1
          areaAfter += samples[frame].area[window]
          for ahead in 0..<2 {
            if let cell = ahead == 0 ? near : far {
              escaped[ahead] += samples[frame].cells[cell].speed
            }
          }
        }
      }
      let arriving = before.sum / max(before.size, 0.25 * size)
      let leaving = after.sum / max(after.size, 0.25 * size)
      // What counts is the speed that was there before, is gone after, and went at once.
      let change = mass / max(size, 0.05)
      let drop = min(change, arriving - leaving, 2 * arriving, 4 * earlierSpeed + 0.05 * lastSpeed)
      if drop <= 0 { continue }
      var (around, two): (Float, Float) = (0, 0)
      for frame in begin...end where abs(samples[frame].time - impactTime) < 0.13 {
        let loss = samples[frame].cells[index].loss
        around += loss
        if frame > begin { two = max(two, loss + samples[frame - 1].cells[index].loss) }
      }
      keep(
        Impact(
          time: impactTime, downward: Self.directions[index % Self.directions.count].y,
          score: drop * size, mass: mass, baseline: baseline, change: change,
          before: arriving, after: leaving,
          escaping: escaped.max() / max(framesAfter, 1) / max(size, 0.05), size: size,
          rise: lastSpeed / max(arriving, 1), concentration: two / max(around, 1),
          support: earlierSpeed / max(lastSpeed, 1), areaBefore: areaBefore,
          areaAfter: areaAfter / max(framesAfter, 1),
          focus: focus))
    }
  }

  /// The window `steps` further along the direction of cell `index`, in the same direction.
  private func windowAhead(of index: Int, steps: Int) -> Int? {
    let direction = Self.directions[index % Self.directions.count]
    let window = index / Self.directions.count
    let column = window % windowColumns + Int((direction.x * 1.3).rounded()) * steps
    let row = window / windowColumns + Int((direction.y * 1.3).rounded()) * steps
    guard column >= 0, column < windowColumns, row >= 0, row < windowRows else { return nil }
    return (row * windowColumns + column) * Self.directions.count + index % Self.directions.count
  }

  /// Of the many windows that saw one impact keeps the one that saw most of it.
  private mutating func keep(_ impact: Impact) {
    if let last = lastReported, impact.time - last.time < Self.separation,
      last.score >= impact.score
    {
      return
    }
    let rivals = waiting.indices.filter {
      abs(waiting[$0].time - impact.time) < Self.separation
    }
    if rivals.contains(where: { waiting[$0].score >= impact.score }) { return }
    for index in rivals.reversed() { waiting.remove(at: index) }
    waiting.append(impact)
  }
}
