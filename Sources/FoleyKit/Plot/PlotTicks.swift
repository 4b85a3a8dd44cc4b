import Foundation

/// Even places on an axis, and how they are written.
enum PlotTicks {
  /// Steps in seconds that people count in.
  private static let steps: [Double] = [
    0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400,
  ]

  /// The finest step with at most `most` labels, and the step of the small ticks between them.
  static func time(_ duration: Double, most: Int) -> (step: Double, minor: Double) {
    let index = steps.firstIndex { duration / $0 <= Double(most) } ?? steps.count - 1
    let step = steps[index]
    let parts: [Double] = [5, 4, 3, 2]
    let minor = parts.first { part in steps.contains { abs($0 - step / part) < 1e-9 } }
    return (step, minor.map { step / $0 } ?? step)
  }

  /// 0.5 s, 12 s, 1:30, 1:02:00.
  static func label(_ seconds: Double, step: Double, duration: Double) -> String {
    if duration < 90 {
      let digits = step < 0.1 ? 2 : step < 1 ? 1 : 0
      return String(format: "%.\(digits)f s", seconds)
    }
    let whole = Int(seconds.rounded())
    return whole < 3600
      ? String(format: "%d:%02d", whole / 60, whole % 60)
      : String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
  }

  /// The least amplitude of a row of pleasant ones that holds a peak, and its name in dB.
  static func amplitude(holding peak: Float) -> (value: Float, decibels: Int) {
    for decibels in [-54, -48, -42, -36, -30, -24, -18, -12, -6] {
      let value = pow(10, Float(decibels) / 20)
      if peak <= value { return (value, decibels) }
    }
    return (1, 0)
  }

  /// Frequencies with a label, and those with a small tick: 1, 2, 5 with and the rest without.
  static let frequencies: [(hertz: Double, label: String?)] = {
    var ticks: [(Double, String?)] = []
    for decade in [10.0, 100, 1000, 10_000] {
      for factor in 1...9 {
        let hertz = decade * Double(factor)
        let named = factor == 1 || factor == 2 || factor == 5
        let label = hertz < 1000 ? String(Int(hertz)) : "\(Int(hertz / 1000))k"
        ticks.append((hertz, named ? label : nil))
      }
    }
    return ticks
  }()
}
