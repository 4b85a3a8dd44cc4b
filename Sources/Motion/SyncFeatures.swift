import Foundation

/// What the generator is told about timing: eight numbers for each 1/25 s.
///
/// 0 strength of the strongest event inside, else 0; 1 whether there is one; 2 its place inside,
/// -0.5...0.5; 3 and 4 traces that jump to an event's strength and decay with 0.1 s and 0.5 s; 5
/// motion energy; 6 its change since the frame before; 7 the constant 1.
public enum SyncFeatures {
  public static let width = 8
  public static let rate = 25

  /// How long before the window's start an event still leaves a trace, seconds.
  private static let memory = 3

  /// Features of the window that starts at `start` seconds, row-major [frames, 8].
  ///
  /// - Parameters:
  ///   - events: in any order; those before the window feed the traces.
  ///   - energy: at 25 per second from time 0. Its last value holds beyond its end: motion that stopped
  ///     with the clip would look like an impact, and be heard as one in the last moment. None: 0.
  ///   - scene: where the window's scene begins, seconds: what was seen before it leaves no trace.
  ///   - start: seconds, rounded to the 25 Hz grid.
  public static func features(
    events: [VisualEvent], energy: [Float], scene: Double = 0, start: Double, frames: Int
  ) -> [Float] {
    let opening = Int((scene * Double(rate)).rounded())
    let first = Int((start * Double(rate)).rounded())
    let lead = memory * rate
    let shortDecay = Float(exp(-1.0 / (Double(rate) * 0.1)))
    let longDecay = Float(exp(-1.0 / (Double(rate) * 0.5)))

    // The strongest event of each grid frame from `first - lead` on.
    var strength = [Float](repeating: 0, count: lead + frames)
    var place = [Float](repeating: 0, count: lead + frames)
    var present = [Bool](repeating: false, count: lead + frames)
    for event in events where event.time >= scene {
      let position = event.time * Double(rate) - Double(first)
      let index = Int(position.rounded(.down)) + lead
      guard index >= 0, index < lead + frames else { continue }
      if !present[index] || event.strength > strength[index] {
        strength[index] = event.strength
        place[index] = Float(position - position.rounded(.down) - 0.5)
        present[index] = true
      }
    }

    let energy = energy.isEmpty ? [0] : energy
    func level(_ index: Int) -> Float {
      index < 0 ? 0 : energy[min(index, energy.count - 1)]
    }

    var shortTrace: Float = 0
    var longTrace: Float = 0
    var features = [Float]()
    features.reserveCapacity(frames * width)
    for index in 0..<lead + frames {
      shortTrace = max(shortTrace * shortDecay, strength[index])
      longTrace = max(longTrace * longDecay, strength[index])
      guard index >= lead else { continue }
      let frame = first + index - lead
      let now = level(frame)
      features += [
        strength[index], present[index] ? 1 : 0, place[index], shortTrace, longTrace,
        now, frame > opening ? now - level(frame - 1) : 0, 1,
      ]
    }
    return features
  }
}
