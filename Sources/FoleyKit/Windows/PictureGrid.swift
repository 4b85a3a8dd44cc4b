import Media

/// Picks the pictures shown at evenly spaced times out of a stream of frames, for windows that overlap.
struct PictureGrid {
  private let rate: Int
  private let size: Int
  private var grid: FrameGrid<VideoFrame>
  private var pictures: [Picture] = []
  /// The grid place of `pictures[0]`.
  private var firstPlace = 0

  /// - Parameters:
  ///   - rate: places for each second; place 0 is time 0.
  ///   - size: width and height of the pictures, cut from the middle of the frame.
  init(rate: Int, size: Int) {
    self.rate = rate
    self.size = size
    grid = FrameGrid(rate: Rational(Int64(rate)))
  }

  /// The next frame. Only frames on show at a place of the grid are converted.
  mutating func add(_ frame: VideoFrame) throws(MediaError) {
    try append(grid.add(frame, at: frame.time))
  }

  /// No more frames come: the last one stays on show to the end.
  mutating func finish(duration: Rational) throws(MediaError) {
    let places = FrameGrid<VideoFrame>.count(rate: grid.rate, duration: duration)
    try append(grid.finish(count: max(1, places)))
  }

  /// The pictures from one time to another, in whole seconds; fewer where the clip ends before. Those
  /// from `kept` on stay for the next window.
  mutating func take(from start: Int, to end: Int, keepingFrom kept: Int) -> [Picture] {
    let first = start * rate - firstPlace
    let result = Array(pictures.dropFirst(first).prefix((end - start) * rate))
    let surplus = max(0, min(pictures.count, kept * rate - firstPlace))
    pictures.removeFirst(surplus)
    firstPlace += surplus
    return result
  }

  private mutating func append(_ run: FrameGrid<VideoFrame>.Run?) throws(MediaError) {
    guard let run else { return }
    let picture = try run.frame.picture(
      width: size, height: size, format: .rgb24, fit: .centreCrop)
    // A long run, such as a picture that stands for an hour, shares one copy of the bytes.
    pictures += Array(repeating: picture, count: run.indices.count)
  }
}
