import Foundation
import Media
import Motion
import Testing

@testable import FoleyKit

/// How clips are cut into scenes, and those into windows.
@Suite struct SceneTests {
  /// The windows of a clip without pictures.
  private static func windows(
    seconds: Double, cuts: [Double] = [], events: [Double] = [], ranges: [CueSheet.Range] = [],
    prompt: String = "", handling: CutHandling? = nil
  ) -> [WindowMaterial] {
    let request = GenerationRequest(
      source: .black(seconds: seconds), prompt: prompt,
      givenEvents: EventFile(
        events: events.map { VisualEvent(time: $0, strength: 0.9) }, cuts: cuts),
      cues: CueSheet(ranges: ranges), cuts: handling)
    var assembly = WindowAssembly(
      request, WindowNeeds(lastWindow: LastWindow(granularity: 16, shortest: 128)), shows: .nothing)
    let plan = WindowPlan(duration: Rational(nearest: seconds, timescale: 48_000))
    var windows: [WindowMaterial] = []
    while let window = assembly.next(.finished(plan)) { windows.append(window) }
    return windows
  }

  private static func starts(_ windows: [WindowMaterial]) -> [Double] {
    windows.map { Clock.seconds(of: $0.latents.lowerBound) }
  }

  /// Whatever the breaks: what is settled makes up the clip, without a gap.
  private static func expectWhole(_ windows: [WindowMaterial], latents: Int) {
    var place = 0
    for (index, window) in windows.enumerated() {
      #expect(window.index == index)
      #expect(window.latents.lowerBound == place)
      #expect(window.settled <= window.latents.count)
      #expect(window.latents.count <= WindowPlan.latentsPerWindow)
      #expect(window.motion.count == window.latents.count / 2 * 8)
      #expect(window.isLast == (index == windows.count - 1))
      if index > 0 { #expect(window.startsAnew == !windows[index - 1].goesOn) }
      if window.goesOn { #expect(window.latents.count == WindowPlan.latentsPerWindow) }
      place += window.settled
    }
    #expect(place == latents)
  }

  @Test(arguments: [0.02, 1, 7.99, 8, 8.02, 13.98, 14, 14.02, 60, 61.5])
  func oneScene(seconds: Double) {
    let windows = Self.windows(seconds: seconds)
    let latents = WindowPlan(samples: Int(seconds * 48_000)).latents
    Self.expectWhole(windows, latents: latents)
    #expect(windows.count == WindowPlan(samples: Int(seconds * 48_000)).count)
    #expect(windows[0].startsAnew && windows.dropFirst().allSatisfy { !$0.startsAnew })
    for window in windows.dropLast() { #expect(window.settled == WindowPlan.latentsPerHop) }
  }

  /// A window ends at the cut, the next one begins there.
  @Test func aCutIsFollowed() {
    let windows = Self.windows(seconds: 30, cuts: [10.3])
    Self.expectWhole(windows, latents: 1500)
    // 10.3 s lies half-way between two motion features.
    #expect(Self.starts(windows) == [0, 6, 10.32, 16.32, 22.32])
    #expect(windows.map(\.startsAnew) == [true, false, true, false, false])
    #expect(windows[1].settled == 216)
    #expect(windows[1].latents.count == 224, "as few as the model can do")
  }

  /// By default they are where a prompt describes the whole clip.
  @Test func cutsCanBeIgnored() {
    for windows in [
      Self.windows(seconds: 30, cuts: [10.3], handling: .ignore),
      Self.windows(seconds: 30, cuts: [10.3], prompt: "rain"),
    ] {
      #expect(Self.starts(windows) == [0, 6, 12, 18, 24])
      #expect(windows.map(\.startsAnew) == [true, false, false, false, false])
    }
    let followed = Self.windows(seconds: 30, cuts: [10.3], prompt: "rain", handling: .follow)
    #expect(followed.count { $0.startsAnew } == 2)
  }

  @Test func quickCutsAreOneScene() {
    let cuts = [1, 2, 4, 5, 6.5, 7.5, 20]
    let windows = Self.windows(seconds: 30, cuts: cuts)
    Self.expectWhole(windows, latents: 1500)
    #expect(Self.starts(windows.filter(\.startsAnew)) == [0, 4, 7.52, 20])
  }

  @Test func promptsOfRanges() {
    let windows = Self.windows(
      seconds: 40, cuts: [11, 25],
      ranges: [
        .init(start: 2, end: 12.5, prompt: "rain"), .init(start: 12.5, end: 20, prompt: "wind"),
        .init(start: 35, prompt: "sea"),
      ])
    Self.expectWhole(windows, latents: 2000)
    let scenes = windows.filter(\.startsAnew)
    // The cut at 11 s is too near the change at 12.5 s.
    #expect(Self.starts(scenes) == [0, 2, 12.52, 20, 25, 35])
    #expect(scenes.map(\.prompt) == ["", "rain", "wind", "", "", "sea"])
    for (window, next) in zip(windows, windows.dropFirst()) where window.goesOn {
      #expect(window.prompt == next.prompt)
    }
  }

  /// Breaks everywhere and anywhere.
  @Test func anyBreaks() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let seconds = Double.random(in: 0.1...90, using: &random)
      let cuts = (0..<Int.random(in: 0...12, using: &random)).map { _ in
        Double.random(in: 0...95, using: &random)
      }.sorted()
      let start = Double.random(in: 0...80, using: &random)
      let range = CueSheet.Range(
        start: start, end: start + Double.random(in: 1...30, using: &random), prompt: "rain")
      let windows = Self.windows(seconds: seconds, cuts: cuts, ranges: [range])
      let plan = WindowPlan(duration: Rational(nearest: seconds, timescale: 48_000))
      Self.expectWhole(windows, latents: plan.latents)
    }
  }

  /// A scene knows nothing of the events of the next, and every event is told of once.
  @Test func eventsStayInTheirScene() {
    let times = [1, 5.5, 7, 10.25, 10.4, 11, 17]
    let windows = Self.windows(seconds: 20, cuts: [10.32], events: times)
    #expect(windows.flatMap(\.events).map(\.time) == times)
    #expect(windows[1].events.map(\.time) == [10.25])
    // Feature 1 marks an event. The window from 6 s is computed up to 10.48 s.
    let marks = stride(from: 1, to: windows[1].motion.count, by: 8).map { windows[1].motion[$0] }
    #expect(marks.count == 112)
    #expect(marks.indices.filter { marks[$0] != 0 } == [25, 106])
  }
}

@Suite struct CueSheetTests {
  @Test func columnsInOrder() throws {
    let sheet = try CueSheet(
      """
      0,1:00,"rain on a roof, far away"
      61.5,,
      0:01:30,,a door,\u{20}
      70,,,0.3
      """)
    #expect(
      sheet.ranges == [
        .init(start: 0, end: 60, prompt: "rain on a roof, far away"),
        .init(start: 90, prompt: "a door"),
      ])
    #expect(
      sheet.events == [
        VisualEvent(time: 61.5, strength: 0.8), VisualEvent(time: 70, strength: 0.3),
      ])
  }

  @Test func namedColumns() throws {
    let sheet = try CueSheet(
      "\u{FEFF}Prompt,Start\r\nwind,3\r\n\"he said \"\"go\"\"\",9\r\n\r\n,5\r\n")
    #expect(sheet.ranges.map(\.prompt) == ["wind", "he said \"go\""])
    #expect(sheet.ranges.map(\.end) == [9, .infinity])
    #expect(sheet.events.map(\.time) == [5])
  }

  @Test(arguments: [
    ("start,end,text\n", "line 1: 'text' is none of: start, end, prompt, strength"),
    ("1,2,3,4,5\n", "line 1: 5 fields; a prompt with a comma in it has to stand in quotes"),
    ("start,end,prompt\n1,x,rain\n", "line 2: the end 'x' is no time"),
    ("-1,,\n", "line 1: the start '-1' is no time"),
    ("1,2,\n", "line 1: a range needs a prompt, an event no end"),
    ("1,1.5,rain\n", "line 1: a range from 1.0 to 1.5 s; it has to last 1 s or more"),
    ("1,,,2\n", "line 1: the strength '2' is no number from 0 to 1"),
    ("\n1,,\"rain\n", "line 2: a quote is never closed"),
    (
      "0,10,rain\n5,20,wind\n",
      "the ranges that begin at 0.0 s and 5.0 s overlap, or are shorter than 1 s"
    ),
  ]) func mistakes(text: String, message: String) {
    let error = #expect(throws: CueSheet.Mistake.self) { try CueSheet(text) }
    #expect(error?.description == message)
  }

  @Test func survivesTheJournal() throws {
    let sheet = CueSheet(
      events: [VisualEvent(time: 1, strength: 0.5)],
      ranges: [.init(start: 0, end: 2, prompt: "a"), .init(start: 2, prompt: "b")])
    let data = try JSONEncoder().encode(sheet)
    #expect(try JSONDecoder().decode(CueSheet.self, from: data) == sheet)
  }
}
