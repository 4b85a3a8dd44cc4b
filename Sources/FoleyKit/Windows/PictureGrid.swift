import Media

/// Picks the pictures shown at evenly spaced times out of a stream of frames, for windows that overlap.
struct PictureGrid {
  private let wish: PictureWish
  private var maker: PictureMaker
  private var grid: FrameGrid<VideoFrame>
  private var pictures: [Picture] = []
  /// The grid place of `pictures[0]`.
  private var firstPlace = 0

  init(_ wish: PictureWish) {
    self.wish = wish
    maker = PictureMaker(wish.form)
    grid = FrameGrid(rate: Rational(Int64(wish.rate)))
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

  /// The pictures of some latents; fewer where the clip ends before. Those from `kept` on stay for the
  /// next window.
  mutating func take(_ latents: Range<Int>, keepingFrom kept: Int) -> [Picture] {
    let first = place(latents.lowerBound)
    let result = Array(
      pictures.dropFirst(first - firstPlace).prefix(place(latents.upperBound) - first))
    let surplus = max(0, min(pictures.count, place(kept) - firstPlace))
    pictures.removeFirst(surplus)
    firstPlace += surplus
    return result
  }

  /// The first place of the grid not before a latent.
  private func place(_ latent: Int) -> Int {
    (latent * wish.rate + Clock.latentRate - 1) / Clock.latentRate
  }

  private mutating func append(_ run: FrameGrid<VideoFrame>.Run?) throws(MediaError) {
    guard let run else { return }
    let picture = try maker.picture(of: run.frame)
    // A long run, such as a picture that stands for an hour, shares one copy of the bytes.
    pictures += Array(repeating: picture, count: run.indices.count)
  }
}
