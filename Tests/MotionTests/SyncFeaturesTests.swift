import Foundation
import Motion
import Testing

@Suite("Sync features")
struct SyncFeaturesTests {
  private func rows(_ flat: [Float]) -> [[Float]] {
    stride(from: 0, to: flat.count, by: SyncFeatures.width).map {
      Array(flat[$0..<$0 + SyncFeatures.width])
    }
  }

  @Test("Each column is what the table says")
  func columns() {
    let events = [
      VisualEvent(time: 2.03, strength: 0.5), VisualEvent(time: 2.01, strength: 0.8),
      VisualEvent(time: 2.2, strength: 0.6),
    ]
    let energy = (0..<100).map { Float($0) / 100 }
    let table = rows(SyncFeatures.features(events: events, energy: energy, start: 2, frames: 10))
    #expect(table.count == 10)
    // Frame 0 holds two events: the stronger one counts, a quarter into the frame.
    #expect(table[0][0] == 0.8 && table[0][1] == 1)
    #expect(abs(table[0][2] + 0.25) < 1e-5)
    #expect(table[0][3] == 0.8 && table[0][4] == 0.8)
    #expect(abs(table[0][5] - 0.5) < 1e-6 && abs(table[0][6] - 0.01) < 1e-6)
    // The next frames hold none.
    #expect(table[1][0] == 0 && table[1][1] == 0 && table[1][2] == 0)
    #expect(abs(table[1][3] - 0.8 * exp(-0.4)) < 1e-5)
    #expect(abs(table[1][4] - 0.8 * exp(-0.08)) < 1e-5)
    // A trace takes the greater of what is left and what is new.
    #expect(table[5][0] == 0.6 && abs(table[5][2] + 0.5) < 1e-4)
    #expect(table[5][3] == 0.6)
    #expect(abs(table[5][4] - max(0.6, 0.8 * exp(-0.4))) < 1e-5)
    #expect(table.allSatisfy { $0[7] == 1 })
  }

  /// Motion that stops at once is what an impact looks like.
  @Test("The energy of the last frame holds beyond the clip's end")
  func end() {
    let table = rows(
      SyncFeatures.features(events: [], energy: [0.2, 0.4, 0.9], start: 0, frames: 6))
    #expect(table.map { $0[5] } == [0.2, 0.4, 0.9, 0.9, 0.9, 0.9])
    #expect(table[3...].allSatisfy { $0[6] == 0 })
  }

  @Test("Traces run on from before the window")
  func before() {
    let events = [VisualEvent(time: 7.5, strength: 1), VisualEvent(time: 1, strength: 1)]
    let table = rows(SyncFeatures.features(events: events, energy: [], start: 8, frames: 4))
    // The event fell into frame -13 of the window.
    #expect(abs(table[0][4] - exp(-13 * 0.08)) < 1e-5)
    #expect(table[0][0] == 0 && table[0][5] == 0 && table[0][6] == 0)
    let overlapping = rows(
      SyncFeatures.features(events: events, energy: [], start: 6, frames: 54))
    for column in 3...4 { #expect(abs(overlapping[50][column] - table[0][column]) < 1e-5) }
  }

  @Test("What was seen before the scene leaves no trace")
  func scene() {
    let events = [VisualEvent(time: 7.9, strength: 1), VisualEvent(time: 8.02, strength: 0.5)]
    let energy = [Float](repeating: 0.9, count: 200) + [0.3, 0.4]
    let table = rows(
      SyncFeatures.features(events: events, energy: energy, scene: 8, start: 8, frames: 2))
    #expect(table[0][0] == 0.5 && table[0][3] == 0.5 && table[0][4] == 0.5)
    #expect(table[0][6] == 0 && abs(table[1][6] - 0.1) < 1e-6)
  }
}
