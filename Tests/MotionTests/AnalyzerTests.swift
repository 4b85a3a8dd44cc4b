import Foundation
import Motion
import Tensors
import Testing

@Suite("Motion analyser on drawn pictures")
struct AnalyzerTests {
  let painter = Painter()
  let bounces = Bounces(gravity: 420, speeds: [230, 190, 210, 170, 220, 200, 180])

  private func ball(_ time: Double) -> (x: Double, y: Double, radius: Double, tone: Float) {
    (30 + 14 * time, bounces.floor - 7 - bounces.height(at: time), 7, 225)
  }

  private func times(_ rate: Double, _ seconds: Double) -> [Double] {
    (0..<Int(seconds * rate)).map { Double($0) / rate }
  }

  @Test("Landings are found to a fraction of a frame", arguments: [24.0, 25, 29.97, 30, 60])
  func landings(rate: Double) {
    let result = track(times(rate, 7.5).map { painter.frame($0, discs: [ball($0)]) })
    let score = matched(result.strong, bounces.times)
    #expect(score.missed == 0 && score.extra <= 1, "\(result.events) against \(bounces.times)")
    #expect(median(score.offsets.map(abs)) <= 0.010)
    #expect(score.offsets.allSatisfy { abs($0) <= 0.030 }, "\(score.offsets)")
  }

  @Test("Frame times may be irregular")
  func irregular() {
    let noise = GaussianNoise(seed: 8)
    var time = 0.0
    var frames: [GrayFrame] = []
    while time < 7.5 {
      frames.append(painter.frame(time, discs: [ball(time)]))
      time += 0.018 + 0.010 * Double(min(2, abs(noise.value(index: frames.count, channel: 0))))
    }
    let score = matched(track(frames).strong, bounces.times)
    #expect(score.missed <= 1 && score.extra <= 1)
    #expect(median(score.offsets.map(abs)) <= 0.015)
  }

  /// The last picture repeated is no impact of everything at once; a thing that strikes and rests is one.
  @Test("A clip that ends in repeated pictures", arguments: [0.2, 0.52, 0.76])
  func frozenEnd(padding: Double) {
    let stop = 4.0
    func seen(until end: Double) -> MotionTrack {
      track(
        times(25, end).map { time in
          let t = min(time, stop - 0.04)
          let discs = (0..<12).map { i in
            let phase = Double(i)
            return (
              x: 14 + 12 * phase + 5 * sin(2.2 * t + phase), y: 45 + 30 * cos(7 * phase + 0.4 * t),
              radius: 5.0, tone: Float(i % 2 == 0 ? 190 : 30)
            )
          }
          return painter.frame(time, discs: discs)
        })
    }
    let live = seen(until: stop)
    let padded = seen(until: stop + padding)
    let before = live.energy.suffix(5).reduce(0, +) / 5
    let end = padded.energy.dropFirst(live.energy.count)
    #expect(end.count >= Int(padding * 25) - 1)
    #expect(end.allSatisfy { $0 > 0.6 * before && $0 < 1.6 * before }, "\(end), before \(before)")
    #expect(!padded.events.contains { $0.time > stop - 0.1 }, "\(padded.events)")

    // The ball's last landing, where it stays.
    let landing = bounces.times.last!
    let rest = track(
      times(25, landing + padding).map { painter.frame($0, discs: [ball(min($0, landing))]) })
    #expect(rest.strong.contains { abs($0 - landing) < 0.04 })
    #expect(rest.energy.last == 0)
  }

  @Test("A shaking camera and grain do not hide the landings")
  func shaken() {
    let frames = times(30, 7.5).enumerated().map { index, t in
      painter.frame(
        t, discs: [ball(t)], camera: (4 * sin(7 * t), 3 * sin(11 * t + 1)), grain: 2, index: index)
    }
    let score = matched(track(frames).strong, bounces.times)
    #expect(score.missed <= 1 && score.extra <= 2)
    #expect(median(score.offsets.map(abs)) <= 0.015)
  }

  @Test("Nothing strikes: no events")
  func nothing() {
    let rate = 25.0
    let span = times(rate, 5)
    let textured = Painter(seed: 3, contrast: 25)
    let scenes: [(String, [GrayFrame])] = [
      ("still", span.map { painter.frame($0) }),
      ("grain", span.enumerated().map { painter.frame($1, grain: 6, index: $0) }),
      ("pan", span.map { textured.frame($0, camera: (20 * sin(1.3 * $0), 6 * sin(0.7 * $0))) }),
      (
        "shake",
        span.map {
          textured.frame($0, camera: (5 * sin(23 * $0) + 3 * sin(9 * $0), 4 * sin(31 * $0)))
        }
      ),
      ("flicker", span.map { painter.frame($0, gain: Float(1 + 0.08 * sin(50 * $0))) }),
      (
        "flash", span.enumerated().map { painter.frame($1, gain: $0 % 40 == 20 ? 1.8 : 1) }
      ),
      (
        "swing",
        span.map {
          painter.frame($0, discs: [(80 + 40 * sin(3 * $0), 40 + 8 * cos(6 * $0), 9, 220)])
        }
      ),
    ]
    for (name, frames) in scenes {
      let result = track(frames)
      #expect(result.strong.isEmpty, "\(name): \(result.events)")
      #expect(result.cuts.isEmpty, "\(name): cuts at \(result.cuts)")
    }
  }

  @Test("A hard cut is reported once, and is no event")
  func cut() {
    let other = Painter(seed: 9, contrast: 30, tone: 150)
    let frames = times(25, 4).map { $0 < 2 ? painter.frame($0) : other.frame($0) }
    let result = track(frames)
    #expect(result.cuts == [2.0])
    #expect(result.strong.isEmpty)
  }

  /// What a converter makes of 24 frames per second on a grid of 30: every fifth picture is the one
  /// before.
  private func converted(_ seconds: Double, _ picture: (Double) -> GrayFrame) -> [GrayFrame] {
    times(30, seconds).map { time in
      let shown = picture((time * 24 + 1e-9).rounded(.down) / 24)
      return GrayFrame(time: time, width: 160, height: 90, pixels: shown.pixels)
    }
  }

  @Test("Repeated frames of a converted stream are no stops")
  func repeated() {
    let frames = converted(8) { time in
      painter.frame(time, discs: [(80 + 50 * sin(1.7 * time), 45, 8, 220)])
    }
    let strong = track(frames).strong
    // The first repetitions pass before the pattern is known.
    #expect(strong.count <= 1, "\(strong)")
    let landed = matched(
      track(converted(7.5) { painter.frame($0, discs: [ball($0)]) }).strong, bounces.times)
    #expect(landed.missed <= 1 && landed.extra <= 1, "\(landed)")
    // Such a stream shows each picture up to one frame late.
    #expect(median(landed.offsets.map(abs)) <= 0.033)
  }

  @Test("Energy is on the 25 Hz grid, between 0 and 1, and follows the motion")
  func energy() {
    let frames = times(30, 6).map { time in
      painter.frame(time, discs: [(80 + (time > 3 ? 40 * sin(5 * (time - 3)) : 0), 45, 9, 220)])
    }
    let result = track(frames)
    #expect(abs(result.energy.count - 150) <= 2)
    #expect(result.energy.allSatisfy { (0...1).contains($0) })
    #expect(result.energy[10..<70].allSatisfy { $0 < 0.05 })
    #expect(result.energy[85..<140].reduce(0, +) / 55 > 0.2)
  }

  @Test("Events are final and come within the stated delay")
  func delay() {
    var analyzer = MotionAnalyzer()
    var seen: [VisualEvent] = []
    for time in times(30, 7.5) {
      analyzer.add(painter.frame(time, discs: [ball(time)]))
      #expect(Array(analyzer.track.events.prefix(seen.count)) == seen)
      seen = analyzer.track.events
      for landing in bounces.times where landing < time - MotionAnalyzer.delay {
        #expect(seen.contains { abs($0.time - landing) < 0.08 }, "\(landing) not known at \(time)")
      }
    }
    analyzer.finish()
    #expect(Array(analyzer.track.events.prefix(seen.count)) == seen)
    #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.time <= $1.time })
  }

  @Test("Odd streams do no harm")
  func odd() {
    #expect(track([GrayFrame]()).events.isEmpty)
    #expect(track([painter.frame(0)]).events.isEmpty)
    let tiny = (0..<30).map {
      GrayFrame(time: Double($0) / 25, width: 3, height: 1, pixels: [UInt8($0), 9, 200])
    }
    #expect(track(tiny).events.isEmpty)
    let backwards = [0.0, 0.04, 0.04, 0.02, 0.08].map { painter.frame($0, discs: [ball($0)]) }
    #expect(track(backwards).events.isEmpty)
    var changing = times(25, 1).map { painter.frame($0) }
    changing += (25..<50).map {
      GrayFrame(
        time: Double($0) / 25, width: 120, height: 90,
        pixels: [UInt8](repeating: 40, count: 120 * 90))
    }
    let result = track(changing)
    #expect(result.cuts == [1.0])
    let large = times(25, 1).map { time in
      GrayFrame(
        time: time, width: 640, height: 360, pixels: [UInt8](repeating: 90, count: 640 * 360))
    }
    #expect(track(large).strong.isEmpty)
  }
}
