import Media

/// Pictures an encoder wants to look at.
public struct PictureWish: Sendable, Equatable {
  /// How many for each second; the first shows time 0.
  public var rate: Int
  public var form: PictureForm

  public init(rate: Int, form: PictureForm) {
    self.rate = rate
    self.form = form
  }
}

/// What each of a model's two encoders of pictures wants to look at; nil: nothing.
public struct PictureWishes: Sendable, Equatable {
  /// To see what there is.
  public var visual: PictureWish?
  /// To see when something happens.
  public var sync: PictureWish?

  public init(visual: PictureWish? = nil, sync: PictureWish? = nil) {
    self.visual = visual
    self.sync = sync
  }
}

/// How a frame becomes the picture an encoder was trained on.
public enum PictureForm: Sendable, Equatable {
  /// Scaled until it covers a square, whose overhang is cut off.
  case square(size: Int)

  func picture(of frame: VideoFrame) throws(MediaError) -> Picture {
    switch self {
    case .square(let size):
      try frame.picture(width: size, height: size, format: .rgb24, fit: .centreCrop)
    }
  }
}
