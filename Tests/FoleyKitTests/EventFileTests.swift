import Foundation
import Motion
import TestSupport
import Testing

@testable import FoleyKit

@Suite struct EventFileTests {
  @Test func writtenAndReadAgain() throws {
    try withFolder { folder in
      let path = folder.appendingPathComponent("events.json").path
      let events = [
        VisualEvent(time: 0.25, strength: 1), VisualEvent(time: 1.125, strength: 0.5),
      ]
      try EventFile(events: events, cuts: [3], energy: [0, 0.5]).write(to: path)
      let read = try EventFile(path: path)
      #expect(read.events == events)
      #expect(read.cuts == [3])
      #expect(read.energy == [0, 0.5])
    }
  }

  @Test func energyFollowsFromEvents() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("events.json")
      try Data(#"{"events": [{"time": 1.0, "strength": 0.8}]}"#.utf8).write(to: url)
      let track = try EventFile(path: url.path).motion
      // Motion grows towards the impact at frame 25 and is gone soon after it.
      let energy = track.energy
      #expect(zip(energy[0..<24], energy[1...24]).allSatisfy(<))
      #expect(zip(energy[24..<30], energy[25...30]).allSatisfy(>))
      #expect(energy[24] > 0.5 && energy[24] <= 0.8 && energy[30] < 0.05)
      #expect(!track.isStill(from: 0, to: 8))
      #expect(track.isStill(from: 6, to: 14))
    }
  }
}
