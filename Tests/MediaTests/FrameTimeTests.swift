import Foundation
import Media
import Testing

/// A clip of numbered pictures whose exact times are known from the way it was made.
struct TimedClip: Sendable, CustomTestStringConvertible {
  let name: String
  let arguments: [String]
  let count: Int
  /// Time of frame n relative to the first, and the end for n = count.
  let time: @Sendable (Int) -> Rational
  var firstNumber = 0
  /// How far the end may be off: half a tick of coarse clocks.
  var endTolerance = Rational.zero

  var testDescription: String { name }

  static func rate(_ numerator: Int64, _ denominator: Int64) -> @Sendable (Int) -> Rational {
    { Rational(Int64($0) * denominator, numerator) }
  }

  /// Times on a clock of `ticks` per second, as a muxer rounds them.
  static func rounded(
    _ ticks: Int64, _ numerator: Int64, _ denominator: Int64
  ) -> @Sendable (Int) -> Rational {
    { Rational(Int64(Rational(Int64($0) * denominator, numerator).scaled(to: Int(ticks))), ticks) }
  }

  static let uneven: @Sendable (Int) -> Int64 = { n in Int64(40 * n + 13 * (n * n % 3)) }
  private static let unevenTiming = "settb=1/1000,setpts='40*N+13*mod(N*N,3)'"

  static let all: [TimedClip] = [
    TimedClip(
      name: "film.mp4",
      arguments: Clips.counter(rate: "24000/1001", frames: 60) + Clips.reordered,
      count: 60, time: rate(24000, 1001)),
    TimedClip(
      name: "ntsc.mov",
      arguments: Clips.counter(rate: "30000/1001", frames: 60) + Clips.reordered,
      count: 60, time: rate(30000, 1001)),
    TimedClip(
      name: "ntsc.mkv",
      arguments: Clips.counter(rate: "30000/1001", frames: 60) + Clips.reordered,
      count: 60, time: rounded(1000, 30000, 1001), endTolerance: Rational(1, 1000)),
    TimedClip(
      name: "film.ts",
      arguments: Clips.counter(rate: "24000/1001", frames: 60) + Clips.reordered,
      count: 60, time: rounded(90000, 24000, 1001), endTolerance: Rational(1, 90000)),
    TimedClip(
      name: "vp9.webm",
      arguments: Clips.counter(rate: "30", frames: 40)
        + ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M"],
      count: 40, time: rounded(1000, 30, 1), endTolerance: Rational(1, 1000)),
    TimedClip(
      name: "mpeg4.avi",
      arguments: Clips.counter(rate: "30000/1001", frames: 60)
        + ["-c:v", "mpeg4", "-q:v", "2", "-bf", "2", "-g", "12"],
      count: 60, time: rate(30000, 1001)),
    TimedClip(
      name: "animation.gif",
      arguments: Clips.counter(rate: "10", frames: 30),
      count: 30, time: rate(10, 1)),
    TimedClip(
      name: "variable.mp4",
      arguments: Clips.counter(rate: "25", frames: 50, timing: unevenTiming) + Clips.h264
        + ["-bf", "0", "-video_track_timescale", "1000", "-enc_time_base", "1:1000"],
      count: 50, time: { Rational(uneven($0), 1000) }, endTolerance: Rational(60, 1000)),
    TimedClip(
      name: "variable-reordered.mkv",
      arguments: Clips.counter(rate: "25", frames: 50, timing: unevenTiming) + Clips.reordered
        + ["-enc_time_base", "1:1000"],
      count: 50, time: { Rational(uneven($0), 1000) }, endTolerance: Rational(60, 1000)),
    TimedClip(
      name: "ten-bit.mkv",
      arguments: Clips.counter(rate: "25", frames: 20) + ["-pix_fmt", "yuv422p10le"] + Clips.h264,
      count: 20, time: rate(25, 1), endTolerance: Rational(1, 1000)),
    TimedClip(
      name: "interlaced.ts",
      arguments: Clips.counter(rate: "25", frames: 40) + [
        "-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ildct+ilme", "-top", "1", "-bf", "2",
      ],
      count: 40, time: rate(25, 1)),
    TimedClip(
      name: "sixty.mp4",
      arguments: Clips.counter(rate: "60000/1001", frames: 90) + Clips.reordered,
      count: 90, time: rate(60000, 1001)),
    TimedClip(
      name: "prores.mov",
      arguments: Clips.counter(rate: "24", frames: 12) + ["-c:v", "prores_ks", "-threads", "1"],
      count: 12, time: rate(24, 1)),
    TimedClip(
      name: "raw.h264",
      arguments: Clips.counter(rate: "25", frames: 40) + Clips.h264 + ["-bf", "0"],
      count: 40, time: rate(25, 1)),
    TimedClip(
      name: "one-frame.mp4",
      arguments: Clips.counter(rate: "25", frames: 1) + Clips.h264,
      count: 1, time: rate(25, 1)),
  ]

  func make() throws -> String { try Clips.make(name, arguments) }
}

@Suite struct FrameTimeTests {
  @Test(arguments: TimedClip.all) func everyFrameAtItsExactTime(_ clip: TimedClip) throws {
    let shown = try Shown(try clip.make())
    #expect(shown.numbers == Array(0..<clip.count))
    #expect(shown.times == (0..<clip.count).map(clip.time))
    let difference = shown.duration - clip.time(clip.count)
    #expect(
      max(difference, .zero - difference) <= clip.endTolerance,
      "ends at \(shown.duration), expected \(clip.time(clip.count))")
    #expect(shown.warnings == [])
  }

  @Test(arguments: TimedClip.all) func threadsChangeNothing(_ clip: TimedClip) throws {
    let path = try clip.make()
    #expect(try Shown(path, threads: 1) == Shown(path, threads: 3))
  }

  /// The frame at every grid point is the last one that has begun by then.
  @Test(arguments: TimedClip.all, [Rational(25), Rational(8), Rational(24000, 1001)])
  func gridShowsTheLastFrameBegun(_ clip: TimedClip, rate: Rational) throws {
    let reader = try VideoReader(path: try clip.make(), threads: 1)
    var grid = FrameGrid<VideoFrame>(rate: rate)
    var numbers: [Int] = []
    func take(_ run: FrameGrid<VideoFrame>.Run?) throws {
      guard let run else { return }
      #expect(run.indices.lowerBound == numbers.count)
      numbers += Array(repeating: try Clips.number(run.frame), count: run.indices.count)
    }
    while let frame = try reader.next() { try take(grid.add(frame, at: frame.time)) }
    let duration = try #require(reader.finalDuration)
    let count = FrameGrid<VideoFrame>.count(rate: rate, duration: duration)
    try take(grid.finish(count: count))
    let expected = (0..<count).map { point in
      (0..<clip.count).last { clip.time($0) <= Rational(Int64(point)) / rate }!
    }
    #expect(numbers == expected)
  }

  /// A range gives the frames that reading from the beginning gives, moved to the range's start.
  @Test(
    arguments: TimedClip.all.filter { $0.count > 1 },
    [(0.0, 0.5), (0.3, 1.0), (1.5, 1.7), (1.25, 100)])
  func rangesAreExact(_ clip: TimedClip, range: (Double, Double)) throws {
    let path = try clip.make()
    let start = Rational(nearest: range.0, timescale: 48000)
    let whole = try Shown(path)
    guard start < whole.duration else {
      #expect(throws: MediaError.self) { try Shown(path, start: range.0, end: range.1) }
      return
    }
    let end = min(Rational(nearest: range.1, timescale: 48000), whole.duration)
    let first = whole.times.lastIndex { $0 <= start }!
    let last = whole.times.lastIndex { $0 < end }!
    let part = try Shown(path, start: range.0, end: range.1)
    #expect(part.numbers == Array(whole.numbers[first...last]))
    #expect(part.times == whole.times[first...last].map { max(.zero, $0 - start) })
    #expect(part.duration == end - start)
  }

  /// Far into a longer clip, so that seeking has somewhere to go.
  @Test(arguments: ["mp4", "mkv", "ts", "avi", "webm", "mov"])
  func seekingFindsTheSameFrames(_ ending: String) throws {
    let codec =
      ending == "avi"
      ? ["-c:v", "mpeg4", "-q:v", "2", "-bf", "2", "-g", "40"]
      : ending == "webm"
        ? ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-g", "60"]
        : Clips.reordered
    let path = try Clips.make(
      "long.\(ending)", Clips.counter(rate: "30000/1001", frames: 420) + codec)
    let whole = try Shown(path)
    #expect(whole.numbers == Array(0..<420))
    for start in [4.99, 9.5, 13.9] {
      let exact = Rational(nearest: start, timescale: 48000)
      let first = try #require(whole.times.lastIndex { $0 <= exact })
      let part = try Shown(path, start: start)
      #expect(part.numbers == Array(whole.numbers[first...]))
      #expect(part.times == whole.times[first...].map { max(.zero, $0 - exact) })
      #expect(part.duration == whole.duration - exact)
    }
  }
}
