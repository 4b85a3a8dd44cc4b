import Foundation

/// Gives impacts their strength, 0...1.
struct ImpactGrader: Sendable {
  func grade(_ impact: Impact) -> VisualEvent {
    VisualEvent(time: impact.time, strength: Float(min(1, log(1 + impact.score / 20) / log(60))))
  }
}
