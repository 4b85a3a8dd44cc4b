import Foundation
import Signal

/// Gathers what a plot shows of a sound while it is written, in bounded memory: when a row of cells is
/// full, neighbours are joined, and each cell from then on covers twice the time.
public struct PlotAccumulator: Sendable {
  public let sampleRate: Int
  public private(set) var samples = 0
  private(set) var peak: Float = 0

  // The wave: extremes and mean square of runs of samples.
  struct WaveCell: Sendable {
    var low: Float = .infinity
    var high: Float = -.infinity
    var square: Double = 0
    var count = 0

    mutating func join(_ other: WaveCell) {
      (low, high) = (min(low, other.low), max(high, other.high))
      square += other.square
      count += other.count
    }
  }
  private static let waveLimit = 16_384
  private(set) var wave: [WaveCell] = []
  private(set) var samplesPerWaveCell = 16

  // The spectrum: mean power in rows evenly spaced in the logarithm of frequency.
  static let rows = 420
  static let lowest = 40.0
  static let highest = 20_000.0
  private static let hop = 240
  private static let columnLimit = 3200
  /// Column after column, rows from the lowest frequency.
  private(set) var powers: [Float] = []
  private(set) var framesPerColumn = 1
  private var column = [Float](repeating: 0, count: PlotAccumulator.rows)
  private var framesInColumn = 0
  private var measuredInColumn = 0
  private var frames = 0
  /// The last samples, from `recentStart` on.
  private var recent: [Float]
  private var recentStart: Int
  private let bank: SpectrumRows

  public init(sampleRate: Int = 48_000) {
    precondition(sampleRate > 0)
    self.sampleRate = sampleRate
    bank = SpectrumRows(
      rows: PlotAccumulator.rows, lowest: PlotAccumulator.lowest,
      highest: min(PlotAccumulator.highest, Double(sampleRate) / 2), sampleRate: sampleRate)
    // Silence before the first sample, as long as half the longest window.
    recent = [Float](repeating: 0, count: bank.longest / 2)
    recentStart = -bank.longest / 2
  }

  /// Seconds that one column of the spectrum covers.
  var columnDuration: Double {
    Double(PlotAccumulator.hop * framesPerColumn) / Double(sampleRate)
  }
  var duration: Double { Double(samples) / Double(sampleRate) }

  /// Takes the next samples.
  public mutating func add(_ new: [Float]) {
    for sample in new {
      if samples % samplesPerWaveCell == 0 { addWaveCell() }
      let last = wave.count - 1
      wave[last].low = min(wave[last].low, sample)
      wave[last].high = max(wave[last].high, sample)
      wave[last].square += Double(sample * sample)
      wave[last].count += 1
      peak = max(peak, abs(sample))
      samples += 1
    }
    recent += new
    analyze(until: samples - bank.longest / 2)
  }

  /// This accumulator with the sound's last frames in place; silence follows.
  func finished() -> PlotAccumulator {
    var copy = self
    copy.recent += [Float](repeating: 0, count: bank.longest)
    copy.analyze(until: samples)
    copy.closeColumn()
    return copy
  }

  private mutating func addWaveCell() {
    if wave.count == PlotAccumulator.waveLimit {
      wave = stride(from: 0, to: wave.count, by: 2).map {
        var cell = wave[$0]
        cell.join(wave[$0 + 1])
        return cell
      }
      samplesPerWaveCell *= 2
    }
    wave.append(WaveCell())
  }

  private mutating func analyze(until end: Int) {
    let hop = PlotAccumulator.hop
    while frames * hop + hop / 2 < end {
      let centre = frames * hop + hop / 2 - recentStart
      // Four frames spread over a column tell enough of it.
      if framesInColumn % max(1, framesPerColumn / 4) == 0 {
        bank.add(recent, centre: centre, to: &column)
        measuredInColumn += 1
      }
      frames += 1
      framesInColumn += 1
      if framesInColumn == framesPerColumn { closeColumn() }
    }
    let spare = frames * hop + hop / 2 - bank.longest / 2 - recentStart
    if spare > 0 {
      recent.removeFirst(min(spare, recent.count))
      recentStart += spare
    }
  }

  private mutating func closeColumn() {
    guard framesInColumn > 0 else { return }
    let rows = PlotAccumulator.rows
    powers += column.map { $0 / Float(measuredInColumn) }
    column = [Float](repeating: 0, count: rows)
    framesInColumn = 0
    measuredInColumn = 0
    if powers.count == PlotAccumulator.columnLimit * rows {
      var joined: [Float] = []
      joined.reserveCapacity(powers.count)
      for pair in 0..<PlotAccumulator.columnLimit / 2 {
        for row in 0..<rows {
          joined.append((powers[2 * pair * rows + row] + powers[(2 * pair + 1) * rows + row]) / 2)
        }
      }
      powers = joined
      framesPerColumn *= 2
    }
  }
}

/// Power in rows evenly spaced in the logarithm of frequency: long windows where rows are narrow, short
/// ones where they are wide, so that both tones and blows stay sharp.
struct SpectrumRows: Sendable {
  private struct Reading: Sendable {
    /// The fractional bins between which the row lies, and the share of this window in it.
    var row: Int
    var low, high: Float
    var share: Float
  }
  private let spectra: [(PowerSpectrum, [Reading])]
  let longest: Int

  init(rows: Int, lowest: Double, highest: Double, sampleRate: Int) {
    let sizes = [4096, 2048, 1024]
    /// Where the next shorter window takes over, Hz, over an octave and a half.
    let borders = [350.0, 2500.0]
    longest = sizes[0]
    func edge(_ row: Double) -> Double { lowest * pow(highest / lowest, row / Double(rows)) }
    spectra = sizes.enumerated().map { index, size in
      let readings = (0..<rows).compactMap { row -> Reading? in
        let middle = edge(Double(row) + 0.5)
        func passed(_ border: Double) -> Double {
          min(1, max(0, 0.5 + log2(middle / border) / 1.5))
        }
        let arrived = index == 0 ? 1 : passed(borders[index - 1])
        let left = index == sizes.count - 1 ? 0 : passed(borders[index])
        let share = arrived * (1 - left)
        guard share > 0 else { return nil }
        let bin = Double(sampleRate) / Double(size)
        return Reading(
          row: row, low: Float(edge(Double(row)) / bin), high: Float(edge(Double(row + 1)) / bin),
          share: Float(share))
      }
      return (PowerSpectrum(size: size), readings)
    }
  }

  /// Adds the powers about one sample to `column`.
  func add(_ samples: [Float], centre: Int, to column: inout [Float]) {
    for (spectrum, readings) in spectra {
      let start = centre - spectrum.size / 2
      let power = spectrum(samples[start..<start + spectrum.size])
      for reading in readings {
        column[reading.row] += reading.share * mean(power, reading.low, reading.high)
      }
    }
  }

  /// The mean of a spectrum between two fractional bins; a line through two bins where it is narrow.
  private func mean(_ power: [Float], _ low: Float, _ high: Float) -> Float {
    if high - low < 1 {
      let middle = min((low + high) / 2, Float(power.count - 1))
      let bin = min(Int(middle), power.count - 2)
      return power[bin] + (power[bin + 1] - power[bin]) * (middle - Float(bin))
    }
    let first = Int(low.rounded())
    let last = min(max(first, Int(high.rounded()) - 1), power.count - 1)
    var sum: Float = 0
    for bin in first...last { sum += power[bin] }
    return sum / Float(last - first + 1)
  }
}
