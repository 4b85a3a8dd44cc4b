import Media

/// Picks the pictures shown at evenly spaced times out of a stream of frames: at time t that is the last
/// frame whose own time is not after t.
struct PictureGrid {
  private let rate: Int
  private let size: Int
  private var pictures: [Picture] = []
  /// The grid place of `pictures[0]`.
  private var firstPlace = 0
  private var current: VideoFrame?

  /// - Parameters:
  ///   - rate: places for each second; place 0 is time 0.
  ///   - size: width and height of the pictures, cut from the middle of the frame.
  init(rate: Int, size: Int) {
    self.rate = rate
    self.size = size
  }

  /// The next frame. Only frames on show at a place of the grid are converted.
  mutating func add(_ frame: VideoFrame) throws {
    try fill(before: frame.time.seconds)
    current = frame
  }

  /// No more frames come: the last one stays on show until `end` seconds.
  mutating func finish(at end: Double) throws { try fill(before: end) }

  /// The pictures from one time to another, in whole seconds; fewer where the clip ends before. Those
  /// from `kept` on stay for the next window.
  mutating func take(from start: Int, to end: Int, keepingFrom kept: Int) -> [Picture] {
    let first = start * rate - firstPlace
    let result = Array(pictures.dropFirst(first).prefix((end - start) * rate))
    let surplus = min(pictures.count, kept * rate - firstPlace)
    pictures.removeFirst(surplus)
    firstPlace += surplus
    return result
  }

  /// Places before `time` that no frame has filled show the current one.
  private mutating func fill(before time: Double) throws {
    guard let current else { return }
    var picture: Picture?
    while Double(firstPlace + pictures.count) / Double(rate) < time {
      let shown = try picture ?? current.picture(
        width: size, height: size, format: .rgb24, fit: .centreCrop)
      picture = shown
      pictures.append(shown)
    }
  }
}
