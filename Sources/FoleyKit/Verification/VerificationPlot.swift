import Foundation
import Media

/// The picture of a verification: the offset of every matched event over time with the line of its drift, above
/// the level of the sound; where windows meet is marked.
public struct VerificationPlot {
  private static let background = Colour(0x101218)
  private static let panel = Colour(0x161922)
  private static let rule = Colour(0x2A2F3C)
  private static let faint = Colour(0x6E7687)
  private static let text = Colour(0xA9B1C1)
  private static let bright = Colour(0xE9ECF2)
  private static let dot = Colour(0x9CC2E6)
  private static let line = Colour(0xF5BC5B)
  /// Milliseconds and dB from edge to edge.
  private static let offsets = 150.0
  private static let levels: Float = 80

  private let verification: Verification
  private var canvas = Canvas(width: 1600, height: 720, background: background)
  private let left = 92
  private let right = 1560

  public static func picture(of verification: Verification) -> Picture {
    var plot = VerificationPlot(verification)
    plot.draw()
    return Picture(
      width: plot.canvas.width, height: plot.canvas.height, format: .rgb24, bytes: plot.canvas.rgb)
  }

  private init(_ verification: Verification) { self.verification = verification }

  private mutating func draw() {
    let (upper, lower) = (76..<400, 430..<660)
    write(
      (verification.sound as NSString).lastPathComponent, x: Float(left), y: 44, size: 15,
      Self.bright)
    var notes = ["\(verification.sync.matched) of \(verification.sync.events) events matched"]
    if let median = verification.sync.medianDistance {
      notes.append(String(format: "median %.0f ms", median))
    }
    if let drift = verification.sync.drift {
      notes.append(String(format: "drift %+.1f ms an hour", drift))
    }
    let note = notes.joined(separator: "   ")
    write(
      note, x: Float(right) - StrokeFont.width(of: note, size: 12), y: 44, size: 12, Self.text)
    for rows in [upper, lower] { canvas.fill(x: left..<right, y: rows, Self.panel) }
    drawSeams(upper.lowerBound..<lower.upperBound)
    drawOffsets(upper)
    drawLevels(lower)
    drawTime(lower.upperBound)
  }

  private func x(_ seconds: Double) -> Float {
    Float(left) + Float(seconds / max(verification.seconds, 1e-3)) * Float(right - left)
  }

  private mutating func write(_ text: String, x: Float, y: Float, size: Float, _ colour: Colour) {
    StrokeFont.draw(text, on: &canvas, x: x, baseline: y, size: size, colour, weight: 1)
  }

  /// Too many lines would be a grey surface.
  private mutating func drawSeams(_ rows: Range<Int>) {
    guard verification.seams > 0 else { return }
    let alpha: Float = verification.seams > 150 ? 0.25 : 0.8
    for seam in verification.seamTimes {
      canvas.verticalLine(
        x(seam), from: rows.lowerBound, to: rows.upperBound, Self.rule,
        alpha)
    }
  }

  private mutating func drawOffsets(_ rows: Range<Int>) {
    func y(_ milliseconds: Double) -> Float {
      let share = Float(min(1, max(-1, milliseconds / Self.offsets)))
      return Float(rows.lowerBound + rows.count / 2) - share * Float(rows.count / 2)
    }
    for milliseconds in [-100.0, -50, 0, 50, 100] {
      canvas.fill(x: left..<right, y: Int(y(milliseconds))..<Int(y(milliseconds)) + 1, Self.rule)
      let label = String(format: "%+.0f ms", milliseconds)
      write(
        label, x: Float(left) - 10 - StrokeFont.width(of: label, size: 11), y: y(milliseconds) + 4,
        size: 11, Self.faint)
    }
    write("sound late", x: Float(left) + 8, y: Float(rows.lowerBound) + 16, size: 10, Self.faint)
    for pair in verification.pairs {
      canvas.stroke(
        [(x(pair.time), y(pair.offset * 1000))], Self.dot, 0.8, thickness: 4)
    }
    guard let drift = verification.sync.drift, let median = verification.sync.medianOffset else {
      return
    }
    let middle = verification.seconds / 2
    for column in left..<right {
      let seconds = Double(column - left) / Double(right - left) * verification.seconds
      let height = y(median + drift * (seconds - middle) / 3600)
      canvas.column(column, from: height - 1, to: height + 1, Self.line)
    }
  }

  private mutating func drawLevels(_ rows: Range<Int>) {
    let levels = verification.survey.levels
    for decibels in [-60, -40, -20] {
      let y = rows.lowerBound + Int(-Float(decibels) / Self.levels * Float(rows.count))
      canvas.fill(x: left..<right, y: y..<y + 1, Self.rule)
      let label = "\(decibels) dB"
      write(
        label, x: Float(left) - 10 - StrokeFont.width(of: label, size: 11), y: Float(y) + 4,
        size: 11, Self.faint)
    }
    guard !levels.isEmpty else { return }
    for column in left..<right {
      let from = (column - left) * levels.count / (right - left)
      let to = max(from + 1, (column + 1 - left) * levels.count / (right - left))
      guard from < levels.count else { break }
      let part = levels[from..<min(to, levels.count)]
      func height(_ meanSquare: Float) -> Float {
        let decibels = 10 * log10(max(meanSquare, 1e-9))
        return Float(rows.lowerBound) + min(1, max(0, -decibels / Self.levels)) * Float(rows.count)
      }
      canvas.column(
        column, from: height(part.max() ?? 0), to: Float(rows.upperBound), Self.dot, 0.35)
      canvas.column(
        column, from: height(part.reduce(0, +) / Float(part.count)), to: Float(rows.upperBound),
        Self.dot, 0.6)
    }
  }

  private mutating func drawTime(_ y: Int) {
    let (step, _) = PlotTicks.time(verification.seconds, most: 12)
    for index in 0...Int(verification.seconds / step) {
      let time = Double(index) * step
      let label = PlotTicks.label(time, step: step, duration: verification.seconds)
      canvas.verticalLine(x(time), from: y, to: y + 6, Self.faint)
      write(
        label, x: x(time) - StrokeFont.width(of: label, size: 11) / 2, y: Float(y) + 24, size: 11,
        Self.faint)
    }
  }
}
