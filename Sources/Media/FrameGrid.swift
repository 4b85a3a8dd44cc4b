/// Samples a stream of frames at an even rate: the frame shown at time t is the last one whose time
/// is at most t, and the last frame stays to the end.
///
/// Streamed: it holds one frame. A run of grid indices is given out as soon as the following
/// frame's time is known, so `Frame` may be an undecoded handle that is turned into pixels only
/// when a run needs it.
///
///     var grid = FrameGrid<VideoFrame>(rate: Rational(25))
///     while let frame = try reader.next() {
///       if let run = grid.add(frame, at: frame.time) { use(run.frame, at: run.indices) }
///     }
///     let count = FrameGrid<VideoFrame>.count(rate: grid.rate, duration: reader.finalDuration!)
///     if let run = grid.finish(count: count) { use(run.frame, at: run.indices) }
public struct FrameGrid<Frame> {
  /// A frame and the grid points at which it is shown; never empty.
  public struct Run {
    public let frame: Frame
    public let indices: Range<Int>
  }

  /// Grid points per second; point n lies at n / rate.
  public let rate: Rational
  /// The first grid point not given out yet.
  public private(set) var nextIndex = 0
  private var shown: Frame?

  public init(rate: Rational) {
    precondition(rate > .zero, "a grid needs a rate")
    self.rate = rate
  }

  /// Takes the next frame, whose time must not lie before the last one's, and returns the points
  /// that show the frame before it.
  public mutating func add(_ frame: Frame, at time: Rational) -> Run? {
    defer { shown = frame }
    // Points before the first frame show the first frame: nothing else is known.
    guard let shown else { return nil }
    return run(of: shown, until: time.ticksBegun(rate: rate))
  }

  /// The points of the last frame, up to `count` points in all; nil where none are left.
  public mutating func finish(count: Int) -> Run? {
    guard let shown else { return nil }
    return run(of: shown, until: count)
  }

  /// The number of grid points in `duration` seconds: those at times in 0..<duration.
  public static func count(rate: Rational, duration: Rational) -> Int {
    max(0, duration.ticksBegun(rate: rate))
  }

  private mutating func run(of frame: Frame, until index: Int) -> Run? {
    guard index > nextIndex else { return nil }
    defer { nextIndex = index }
    return Run(frame: frame, indices: nextIndex..<index)
  }
}
