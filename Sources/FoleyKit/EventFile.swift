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
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      self = try JSONDecoder().decode(EventFile.self, from: data)
    } catch let error as DecodingError {
      throw .badData(file: path, reason: "not a file of events: \(error.reason)")
    } catch {
      throw .noInput(file: path, reason: "cannot be read: \(error.localizedDescription)")
    }
    for event in events where !(event.time.isFinite && event.strength.isFinite) {
      throw .badData(file: path, reason: "an event without a finite time and strength")
    }
    events.sort { $0.time < $1.time }
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
