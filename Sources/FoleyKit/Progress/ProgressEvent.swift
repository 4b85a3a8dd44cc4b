/// What a generation tells while it runs, in the order it happens.
public enum ProgressEvent: Sendable {
  /// The length is known.
  case started(seconds: Double, windows: Int)
  /// The weights are there.
  case loaded(model: String, backend: String)
  /// A step of the sampler is done, both counted from 1.
  case step(Int, of: Int, window: Int)
  /// A window is done and its sound written.
  case window(Int, of: Int, secondsDone: Double)
  /// Something the person should know; the work goes on.
  case warning(String)
}
