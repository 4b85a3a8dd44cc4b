import Imaging
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

  /// What becomes of whole frames, for a form that is made of them.
  public func pictures(of frames: [Picture]) -> [Picture] {
    var maker = PictureMaker(form)
    return frames.map { maker.picture(of: $0) }
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
  case square(side: Int)
  /// To the bit as the tools of the encoder's authors do it, from the frame at its own size.
  case published(PicturePreparation.Recipe)
}

/// Makes an encoder's pictures out of frames.
struct PictureMaker {
  private let form: PictureForm
  /// Keeps the tables for frames of one size.
  private var preparation: PicturePreparation?

  init(_ form: PictureForm) {
    self.form = form
    if case .published(let recipe) = form { preparation = PicturePreparation(recipe) }
  }

  mutating func picture(of frame: VideoFrame) throws(MediaError) -> Picture {
    switch form {
    case .square(let side):
      return try frame.picture(width: side, height: side, format: .rgb24, fit: .centreCrop)
    case .published:
      return picture(
        of: try frame.picture(width: frame.width, height: frame.height, format: .rgb24))
    }
  }

  /// - Parameter whole: a frame at its own size, for a form that is made of one.
  mutating func picture(of whole: Picture) -> Picture {
    guard let recipe = preparation?.recipe,
      let bytes = preparation?(
        whole.bytes.span.bytes, size: PixelSize(width: whole.width, height: whole.height))
    else { preconditionFailure("pictures of \(form) are made by the decoder") }
    let side = recipe.side
    return Picture(width: side, height: side, format: .rgb24, bytes: bytes)
  }
}

extension PicturePreparation.Recipe {
  /// Width and height of the pictures.
  fileprivate var side: Int {
    switch self {
    case .stretched(let side), .centreCropped(let side): side
    }
  }
}
