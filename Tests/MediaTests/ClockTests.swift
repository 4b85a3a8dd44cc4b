import Testing

@testable import Media

@Suite struct RationalTests {
  @Test func arithmetic() {
    #expect(Rational(2, -4) == Rational(-1, 2))
    #expect(Rational(1, 3) + Rational(1, 6) == Rational(1, 2))
    #expect(Rational(1, 3) - Rational(1, 2) == Rational(-1, 6))
    #expect(Rational(1001, 30000) * Rational(30000, 1001) == Rational(1))
    #expect(Rational(1) / Rational(25) == Rational(1, 25))
    #expect(Rational(1001, 30000) > Rational(1, 30))
    #expect(Rational(nearest: 0.1, timescale: 48000) == Rational(1, 10))
  }

  @Test func lengthInSamples() {
    #expect(Rational(300 * 1001, 30000).scaled(to: 48000) == 480_480)
    // 1001/24000 s is 2002 samples exactly; a third of a second is a whole number too.
    #expect(Rational(1001, 24000).scaled(to: 48000) == 2002)
    #expect(Rational(1, 3).scaled(to: 48000) == 16000)
    // Halves go away from zero.
    #expect(Rational(1, 96000).scaled(to: 48000) == 1)
    #expect(Rational(-1, 96000).scaled(to: 48000) == -1)
    #expect(Rational(99999, 9_600_000_000).scaled(to: 48000) == 0)
    // A day on a nanosecond clock, where 64 bits would overflow.
    #expect(Rational(86_400_000_000_001, 1_000_000_000).scaled(to: 48000) == 4_147_200_000)
  }

  @Test func hugeValuesStayHarmless() {
    let huge = Rational(.max, 3)
    #expect((huge + huge).seconds > huge.seconds)
    #expect(huge * huge > huge)
    #expect(Rational(1, .max) * Rational(1, .max) >= .zero)
    #expect(huge.scaled(to: 48000) == .max)
    #expect((.zero - huge).scaled(to: 48000) == .min)
    #expect(Rational(.min) < .zero)
  }

  @Test func ticksBegun() {
    #expect(Rational(1).ticksBegun(rate: Rational(25)) == 25)
    #expect(Rational(1, 1000).ticksBegun(rate: Rational(25)) == 1)
    #expect(Rational(1001, 1000).ticksBegun(rate: Rational(25)) == 26)
    #expect(Rational.zero.ticksBegun(rate: Rational(25)) == 0)
  }
}

@Suite struct FrameClockTests {
  private func clock(
    mayJump: Bool = false, stated: Rational? = nil, indexed: Bool = false
  ) -> FrameClock {
    FrameClock(
      timeBase: Rational(1, 1000), nominal: Rational(40, 1000), mayJump: mayJump, stated: stated,
      statedIsIndexed: indexed)
  }

  private func times(_ clock: inout FrameClock, _ ticks: [Int64?]) -> [Int64] {
    ticks.map { Int64(clock.time(ticks: $0, duration: 40).scaled(to: 1000)) }
  }

  @Test func goodTimesPassUnchanged() {
    var clock = clock()
    #expect(times(&clock, [-80, -40, 7, 25, 100]) == [0, 40, 87, 105, 180])
    #expect(clock.repaired == 0)
    #expect(clock.end == Rational(220, 1000))
  }

  @Test func missingTimesFollowTheFrameRate() {
    var clock = clock()
    #expect(times(&clock, [0, nil, nil, 120]) == [0, 40, 80, 120])
    var late = self.clock()
    #expect(times(&late, [nil, nil, 500, 540]) == [0, 40, 80, 120])
  }

  /// One surplus frame must not push all the later ones.
  @Test func repeatedTimesDoNotDrift() {
    var clock = clock()
    #expect(times(&clock, [0, 40, 40, 80, 120, 160]) == [0, 40, 60, 80, 120, 160])
    #expect(clock.repaired == 1)
  }

  @Test func backwardTimesRise() {
    var clock = clock()
    #expect(times(&clock, [0, 40, 20, 80]) == [0, 40, 60, 80])
  }

  @Test func broadcastJumpsAreClosed() {
    var clock = clock(mayJump: true)
    #expect(
      times(&clock, [0, 40, 90000, 90040, 10, 50]) == [0, 40, 80, 120, 160, 200])
  }

  @Test func longGapsOfOtherFormatsAreBelieved() {
    var clock = clock(stated: Rational(90))
    #expect(times(&clock, [0, 40, 60_000, 90_000]) == [0, 40, 60_000, 90_000])
  }

  @Test func timesFarBehindTheFileAreNot() {
    var clock = clock(stated: Rational(2))
    #expect(times(&clock, [0, 40, 20_000_000, 120]) == [0, 40, 80, 120])
    _ = clock.time(ticks: 160, duration: 2_000_000_000)
    #expect(clock.end == Rational(200, 1000))
  }

  /// The edit list ends within the last frame, or a reordered frame carries another's duration.
  @Test func indexSettlesTheEnd() {
    var clock = clock(stated: Rational(95, 1000), indexed: true)
    _ = times(&clock, [0, 40, 80])
    #expect(clock.end == Rational(95, 1000))
    var guess = self.clock(stated: Rational(95, 1000))
    _ = times(&guess, [0, 40, 80])
    #expect(guess.end == Rational(120, 1000))
  }
}

@Suite struct FrameGridTests {
  @Test func pointsBetweenFrames() {
    var grid = FrameGrid<String>(rate: Rational(10))
    var runs = [grid.add("a", at: .zero)]
    // At 0.2 exactly, b is shown.
    runs.append(grid.add("b", at: Rational(2, 10)))
    // c comes and goes between two points.
    runs.append(grid.add("c", at: Rational(21, 100)))
    runs.append(grid.add("d", at: Rational(25, 100)))
    runs.append(grid.finish(count: 6))
    runs.append(grid.finish(count: 6))
    #expect(runs.map { $0?.frame } == [nil, "a", "b", nil, "d", nil])
    #expect(runs.map { $0?.indices } == [nil, 0..<2, 2..<3, nil, 3..<6, nil])
  }

  @Test func pointsInADuration() {
    #expect(FrameGrid<Int>.count(rate: Rational(25), duration: Rational(1)) == 25)
    #expect(FrameGrid<Int>.count(rate: Rational(25), duration: Rational(1001, 1000)) == 26)
    #expect(FrameGrid<Int>.count(rate: Rational(25), duration: .zero) == 0)
  }
}
