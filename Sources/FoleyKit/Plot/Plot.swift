import Foundation

/// What is written and marked on a plot beside the sound itself.
public struct PlotDescription: Sendable {
  public struct Event: Sendable, Hashable {
    /// Seconds from the sound's start.
    public var time: Double
    /// 0...1.
    public var strength: Float

    public init(time: Double, strength: Float) {
      (self.time, self.strength) = (time, strength)
    }
  }

  /// The file's name.
  public var title: String
  public var prompt: String?
  /// Short facts at the right end of the title line, such as "seed 42".
  public var notes: [String]
  public var events: [Event]
  /// Motion energy 0...1 at `motionRate` values a second; empty where there is none.
  public var motion: [Float]
  public var motionRate: Double

  public init(
    title: String, prompt: String? = nil, notes: [String] = [], events: [Event] = [],
    motion: [Float] = [], motionRate: Double = 25
  ) {
    precondition(motionRate > 0)
    self.title = title
    self.prompt = prompt
    self.notes = notes
    self.events = events
    self.motion = motion
    self.motionRate = motionRate
  }
}

/// One picture of a sound: wave, motion and events above a spectrogram, under one time axis.
public struct Plot {
  private static let background = Colour(0x101218)
  private static let panel = Colour(0x161922)
  private static let rule = Colour(0x2A2F3C)
  private static let faint = Colour(0x6E7687)
  private static let text = Colour(0xA9B1C1)
  private static let bright = Colour(0xE9ECF2)
  private static let wave = Colour(0x45688F)
  private static let body = Colour(0x9CC2E6)
  private static let accent = Colour(0xF5BC5B)
  private static let motion = Colour(0x5FB8A5)
  private static let alarm = Colour(0xE8574A)
  /// dB shown below the loudest colour.
  private static let range: Float = 80

  private let sound: PlotAccumulator
  private let description: PlotDescription
  private var canvas: Canvas
  private let left: Int
  private let right: Int

  /// Draws the picture; 640 x 360 is the least that leaves room for its text.
  public static func draw(
    _ sound: PlotAccumulator, _ description: PlotDescription, width: Int = 1600, height: Int = 900
  ) -> Canvas {
    precondition(width >= 640 && height >= 360, "a plot of \(width) x \(height)")
    var plot = Plot(sound.finished(), description, width, height)
    plot.drawAll()
    return plot.canvas
  }

  private init(
    _ sound: PlotAccumulator, _ description: PlotDescription, _ width: Int, _ height: Int
  ) {
    self.sound = sound
    self.description = description
    canvas = Canvas(width: width, height: height, background: Plot.background)
    left = 76
    right = width - 84
  }

  private mutating func drawAll() {
    let height = canvas.height
    let hasMotion = !description.motion.isEmpty
    let top = 72
    let bottom = height - 52
    let gap = 14
    let waveHeight = (bottom - top) * 30 / 100
    let motionHeight = hasMotion ? max(36, (bottom - top) * 8 / 100) : 0
    let waveRows = top..<top + waveHeight
    let motionTop = waveRows.upperBound + (hasMotion ? gap : 0)
    let motionRows = motionTop..<motionTop + motionHeight
    let spectrumRows = motionRows.upperBound + gap..<bottom

    drawTitle()
    drawWave(waveRows)
    if hasMotion { drawMotion(motionRows) }
    drawSpectrum(spectrumRows)
    drawEvents(waveRows, spectrumRows)
    drawTimeAxis(bottom, grid: hasMotion ? [waveRows, motionRows] : [waveRows])
  }

  // MARK: Places

  private var shownDuration: Double { max(sound.duration, 1e-3) }

  private func x(_ seconds: Double) -> Float {
    Float(left) + Float(seconds / shownDuration) * Float(right - left)
  }

  /// The time span of pixel column `x`.
  private func seconds(_ x: Int) -> Range<Double> {
    let unit = shownDuration / Double(right - left)
    return Double(x - left) * unit..<Double(x - left + 1) * unit
  }

  private mutating func write(
    _ text: String, x: Float, baseline: Float, size: Float, _ colour: Colour, rightAligned: Bool,
    weight: Float = 1
  ) {
    let start = rightAligned ? x - StrokeFont.width(of: text, size: size) : x
    StrokeFont.draw(
      text, on: &canvas, x: start, baseline: baseline, size: size, colour, weight: weight)
  }

  // MARK: Title

  private mutating func drawTitle() {
    let baseline: Float = 42
    var end = Float(right)
    for note in description.notes.reversed() {
      write(
        note, x: end, baseline: baseline, size: 11, Plot.faint, rightAligned: true)
      end -= StrokeFont.width(of: note, size: 11) + 22
    }
    let name = StrokeFont.fitted(
      description.title, size: 15, width: max(80, (end - Float(left)) * 0.5))
    write(
      name, x: Float(left), baseline: baseline, size: 15, Plot.bright, rightAligned: false,
      weight: 1.1)
    guard let prompt = description.prompt, !prompt.isEmpty else { return }
    let start = Float(left) + StrokeFont.width(of: name, size: 15) + 24
    let shown = StrokeFont.fitted(prompt, size: 13, width: end - start - 24)
    write(shown, x: start, baseline: baseline, size: 13, Plot.text, rightAligned: false)
  }

  // MARK: Wave

  private mutating func drawWave(_ rows: Range<Int>) {
    canvas.fill(x: left..<right, y: rows, Plot.panel)
    let scale = PlotTicks.amplitude(holding: sound.peak)
    let middle = Float(rows.lowerBound + rows.upperBound) / 2
    let half = Float(rows.count) / 2 - 8
    func y(_ value: Float) -> Float { middle - value / scale.value * half }

    for (step, level) in [(Float(1), scale.decibels), (0.5, scale.decibels - 6)] {
      // In a low panel the labels of half the height would touch their neighbours.
      if step < 1 && half < 60 { continue }
      for sign in [Float(1), -1] {
        let row = Int(y(sign * step * scale.value).rounded())
        canvas.fill(x: left..<right, y: row..<row + 1, Plot.rule, 0.7)
        write(
          level == scale.decibels ? "\(level) dB" : "\(level)", x: Float(left) - 12,
          baseline: Float(row) + 4.5,
          size: 9.5, Plot.faint, rightAligned: true)
      }
    }
    let centre = Int(middle)
    canvas.fill(x: left..<right, y: centre..<centre + 1, Plot.rule)

    guard sound.samples > 0 else { return }
    for column in left..<right {
      guard let cell = waveCell(seconds(column)) else { continue }
      let rms = Float((cell.square / Double(max(1, cell.count))).squareRoot())
      // At least a pixel, so that silence is a line; what leaves full scale stops at the edge, in red.
      let limits = (top: Float(rows.lowerBound), bottom: Float(rows.upperBound))
      let (high, low) = (max(y(cell.high), limits.top), min(y(cell.low), limits.bottom))
      let grow = max(0, 1 - (low - high)) / 2
      canvas.column(column, from: high - grow, to: low + grow, Plot.wave)
      canvas.column(
        column, from: max(limits.top, y(min(rms, max(0, cell.high)))),
        to: min(limits.bottom, y(max(-rms, min(0, cell.low)))), Plot.body, 0.85)
      if cell.high > 1 { canvas.column(column, from: limits.top, to: limits.top + 3, Plot.alarm) }
      if cell.low < -1 {
        canvas.column(column, from: limits.bottom - 3, to: limits.bottom, Plot.alarm)
      }
    }
  }

  private func waveCell(_ span: Range<Double>) -> PlotAccumulator.WaveCell? {
    let cellSize = Double(sound.samplesPerWaveCell) / Double(sound.sampleRate)
    let first = min(Int(span.lowerBound / cellSize), sound.wave.count - 1)
    let last = min(
      max(first, Int((span.upperBound / cellSize).rounded(.up)) - 1), sound.wave.count - 1)
    guard first >= 0 else { return nil }
    var cell = sound.wave[first]
    for index in first..<last { cell.join(sound.wave[index + 1]) }
    return cell
  }

  // MARK: Motion

  private mutating func drawMotion(_ rows: Range<Int>) {
    canvas.fill(x: left..<right, y: rows, Plot.panel)
    write(
      "motion", x: Float(left) - 12, baseline: Float(rows.lowerBound + rows.upperBound) / 2 + 4,
      size: 9.5, Plot.faint, rightAligned: true)
    let height = Float(rows.count) - 6
    var outline: [(x: Float, y: Float)] = []
    for column in left..<right {
      let value = motionValue(seconds(column))
      let y = Float(rows.upperBound) - height * min(max(value, 0), 1)
      canvas.column(column, from: y, to: Float(rows.upperBound), Plot.motion, 0.28)
      outline.append((Float(column) + 0.5, y - 0.5))
      if outline.count == 8 || column == right - 1 {
        canvas.stroke(outline, Plot.motion, 0.9, thickness: 1.1)
        outline = Array(outline.suffix(1))
      }
    }
  }

  /// The highest value within a span, or the line between two values where they are sparse.
  private func motionValue(_ span: Range<Double>) -> Float {
    let values = description.motion
    let place = (span.lowerBound + span.upperBound) / 2 * description.motionRate - 0.5
    let width = (span.upperBound - span.lowerBound) * description.motionRate
    if width > 1 {
      let first = max(0, Int(span.lowerBound * description.motionRate))
      let last = min(values.count, Int(span.upperBound * description.motionRate))
      return first < last ? values[first..<last].max()! : 0
    }
    let low = Int(place.rounded(.down))
    func value(_ index: Int) -> Float { values[min(max(index, 0), values.count - 1)] }
    // The last value holds to the end of its own time, and a rounding beyond.
    if low > values.count { return 0 }
    return value(low) + (value(low + 1) - value(low)) * Float(place - Double(low))
  }

  // MARK: Spectrum

  private mutating func drawSpectrum(_ rows: Range<Int>) {
    let map = ColourMap()
    let cells = PlotAccumulator.rows
    let columns = sound.powers.count / cells
    // The loudest cell sets the scale, rounded up to 5 dB, so that a quiet sound is seen as well.
    let loudest = 10 * log10(max(sound.powers.max() ?? 0, 1e-9))
    let top = max(-60, (loudest / 5).rounded(.up) * 5)
    let levels = sound.powers.map { (10 * log10($0 + 1e-12) - top) / Plot.range + 1 }
    for column in left..<right {
      let span = seconds(column)
      let from = span.lowerBound / sound.columnDuration
      let to = span.upperBound / sound.columnDuration
      for y in rows {
        let place = Float(rows.upperBound - y) - 0.5
        let row = place / Float(rows.count) * Float(cells) - 0.5
        let level = columns > 0 ? Plot.level(levels, columns, from, to, row) : 0
        canvas.blend(column, y, map[level])
      }
    }
    drawFrequencies(rows)
    drawColourBar(rows, map, top: top)
  }

  /// Between the rows a line; over time the mean of the columns a pixel covers, or a line between two.
  private static func level(
    _ levels: [Float], _ columns: Int, _ from: Double, _ to: Double, _ row: Float
  ) -> Float {
    let cells = PlotAccumulator.rows
    let lower = min(max(Int(row.rounded(.down)), 0), cells - 2)
    let share = min(max(row - Float(lower), 0), 1)
    func value(_ column: Int) -> Float {
      let start = min(max(column, 0), columns - 1) * cells + lower
      return levels[start] + (levels[start + 1] - levels[start]) * share
    }
    if to - from < 1.5 {
      let middle = (from + to) / 2 - 0.5
      let before = Int(middle.rounded(.down))
      let (a, b) = (value(before), value(before + 1))
      return a + (b - a) * Float(middle - Double(before))
    }
    let first = Int(from.rounded(.down))
    let last = max(first, Int(to.rounded(.up)) - 1)
    var sum: Float = 0
    for column in first...last { sum += value(column) }
    return sum / Float(last - first + 1)
  }

  private mutating func drawFrequencies(_ rows: Range<Int>) {
    let span = log(PlotAccumulator.highest / PlotAccumulator.lowest)
    for tick in PlotTicks.frequencies {
      let place = log(tick.hertz / PlotAccumulator.lowest) / span
      guard place >= 0, place <= 1.0001 else { continue }
      let y = Float(rows.upperBound) - Float(place) * Float(rows.count)
      let row = Int(y.rounded())
      let length = tick.label == nil ? 3 : 6
      canvas.fill(x: left - length..<left, y: row..<row + 1, Plot.faint, 0.8)
      let crowded = rows.count < 260 && tick.label?.hasPrefix("1") == false
      if let label = tick.label, !crowded {
        canvas.fill(x: left..<right, y: row..<row + 1, Plot.bright, 0.05)
        write(
          label, x: Float(left) - 12, baseline: y + 4.5, size: 9.5, Plot.text, rightAligned: true)
      }
    }
  }

  private mutating func drawColourBar(_ rows: Range<Int>, _ map: ColourMap, top: Float) {
    let x = right + 18..<right + 28
    for y in rows {
      let level = 1 - (Float(y - rows.lowerBound) + 0.5) / Float(rows.count)
      canvas.fill(x: x, y: y..<y + 1, map[level])
    }
    for step in stride(from: Float(0), through: Plot.range, by: 20) {
      let y = Float(rows.lowerBound) + step / Plot.range * Float(rows.count)
      let label = step == 0 ? "\(Int(top)) dB" : "\(Int(top - step))"
      let held = min(max(y, Float(rows.lowerBound) + 4), Float(rows.upperBound) - 4)
      write(
        label, x: Float(x.upperBound) + 7, baseline: held + 4.5, size: 9.5, Plot.faint,
        rightAligned: false)
    }
  }

  // MARK: Events and time

  /// A thin line through the wave whose height and strength tell the event's, and a wedge on the
  /// spectrogram's upper edge.
  private mutating func drawEvents(_ wave: Range<Int>, _ spectrum: Range<Int>) {
    // Where events stand closer than a few pixels, lines fade so that the wave is still seen.
    let spacing = Float(right - left) / Float(max(1, description.events.count))
    let presence = min(1, max(0.25, spacing / 12))
    for event in description.events where event.time >= 0 && event.time <= sound.duration {
      let place = x(event.time)
      let strength = min(max(event.strength, 0), 1)
      let alpha = (0.3 + 0.6 * strength) * presence
      canvas.verticalLine(
        place, from: wave.lowerBound, to: wave.upperBound, Plot.accent, alpha * 0.55)
      let height = 4 + 8 * strength
      canvas.verticalLine(
        place, from: wave.lowerBound - 4 - Int(height), to: wave.lowerBound - 4, Plot.accent,
        min(1, alpha + 0.1), thickness: 2)
      canvas.verticalLine(
        place, from: spectrum.lowerBound, to: spectrum.upperBound, Plot.accent, alpha * 0.22)
    }
  }

  private mutating func drawTimeAxis(_ bottom: Int, grid: [Range<Int>]) {
    let duration = shownDuration
    let (step, minor) = PlotTicks.time(duration, most: max(4, (right - left) / 110))
    for index in 0...Int(duration / minor + 1e-6) {
      let place = Int(x(Double(index) * minor).rounded())
      canvas.fill(x: place..<place + 1, y: bottom + 1..<bottom + 4, Plot.faint, 0.6)
    }
    for index in 0...Int(duration / step + 1e-6) {
      let seconds = Double(index) * step
      let place = Int(x(seconds).rounded())
      canvas.fill(x: place..<place + 1, y: bottom + 1..<bottom + 7, Plot.faint)
      let label = PlotTicks.label(seconds, step: step, duration: duration)
      let width = StrokeFont.width(of: label, size: 10.5)
      write(
        label, x: x(seconds) - width / 2, baseline: Float(bottom + 25), size: 10.5, Plot.text,
        rightAligned: false)
      guard index > 0 else { continue }
      for rows in grid { canvas.fill(x: place..<place + 1, y: rows, Plot.bright, 0.05) }
    }
  }
}
