/// What a generation tells while it runs, in the order it happens.
public enum ProgressEvent: Sendable {
  /// So many windows of an earlier run are there and need not be made.
  case resumed(windows: Int)
  /// The video is open; its length as its headers have it, where they do.
  case started(seconds: Double?, windows: Int?)
  /// The weights are there.
  case loaded(model: String, backend: String)
  /// A part of a window's pictures has been looked at.
  case encoding(ModelPart, done: Int, of: Int, window: Int)
  /// A step of the sampler is done, both counted from 1.
  case step(Int, of: Int, window: Int)
  /// A window is done and its sound written.
  case window(Int, secondsDone: Double)
  /// Something the person should know; the work goes on.
  case warning(String)
}
