import Foundation
import Motion

/// Events in a file: what `--events` writes, and what can be given in place of detected events.
public struct EventFile: Codable, Sendable {
  /// Seconds from the start of the sound, ascending; strength 0 to 1.
  public var events: [VisualEvent]
  /// Times at which the picture cuts to another.
  public var cuts: [Double]?
  /// Motion energy, 25 values per second, 0 to 1; where absent it is drawn from the events.
  public var energy: [Float]?

  public init(events: [VisualEvent], cuts: [Double]? = nil, energy: [Float]? = nil) {
    self.events = events
    self.cuts = cuts
    self.energy = energy
  }

  public init(path: String) throws(FoleyError) {
    let data = try InputFile.data(path)
    do {
      self = try JSONDecoder().decode(EventFile.self, from: data)
    } catch let error as DecodingError {
      throw .badData(file: path, reason: "not a file of events: \(error.reason)")
    } catch {
      throw .badData(file: path, reason: "not a file of events: \(error.localizedDescription)")
    }
    for event in events
    where !(event.time >= 0 && event.time < 1e6 && (0...1).contains(event.strength)) {
      throw .badData(
        file: path,
        reason: "an event at \(event.time) s of strength \(event.strength); times are "
          + "0 or more, strengths 0 to 1")
    }
    events.sort { $0.time < $1.time }
  }

  /// The track that a video with these events would give.
  var motion: MotionTrack {
    MotionTrack(
      events: events, energy: energy ?? impliedEnergy, cuts: cuts ?? [], newPlaces: cuts ?? [])
  }

  /// What moves speeds up towards an impact and stops at it, as in the scenes the model was trained on.
  private var impliedEnergy: [Float] {
    let length = (events.last?.time ?? 0) + 1
    return (0..<Int(length * MotionTrack.rate)).map { index in
      let time = (Double(index) + 0.5) / MotionTrack.rate
      return events.reduce(0) { energy, event in
        let (distance, reach) =
          time < event.time ? (event.time - time, 0.25) : (time - event.time, 0.06)
        return max(energy, 0.8 * event.strength * Float(exp(-distance / reach)))
      }
    }
  }

  public func write(to path: String) throws(FoleyError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      let data = try encoder.encode(self)
      try (data + Data("\n".utf8)).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw .cannotCreate(file: path, reason: error.localizedDescription)
    }
  }
}
