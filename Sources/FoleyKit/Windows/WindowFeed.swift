import Foundation
import Media
import Motion
import Synchronization

/// What one window needs of the picture.
struct WindowMaterial: Sendable {
  let index: Int
  /// Motion features, [8 · Clock.syncRate, 8], row-major.
  let sync: [Float]
  /// Small pictures, `WindowFeed.pictureRate` for each second; fewer where the clip ends inside the
  /// window; nil where the model is not to look.
  let pictures: [Picture]?
  /// Nothing happens and nothing was asked for.
  let isStill: Bool
}

/// What was seen in the whole clip.
struct ClipTrack: Sendable {
  var events: [VisualEvent] = []
  var cuts: [Double] = []
  var energy: [Float] = []
  var warnings: [String] = []
}

/// Decodes the video on a thread of its own, follows its motion, and hands over one window after the
/// other. It is at most two windows ahead of who takes them.
final class WindowFeed: Sendable {
  /// Pictures for the semantic encoder in each second; divides `Clock.visualRate`. What a picture shows
  /// changes far more slowly than how it moves, and the encoder is dear.
  static let pictureRate = 2

  private let plans = BoundedQueue<WindowPlan>(capacity: 1)
  private let windows = BoundedQueue<WindowMaterial>(capacity: 1)
  private let seen = Mutex(ClipTrack())

  init(_ request: GenerationRequest, pictureSize: Int?) {
    Thread.detachNewThread { [self] in
      let result = Result { try produce(request, pictureSize: pictureSize) }
      plans.finish(result)
      windows.finish(result)
    }
  }

  /// Waits until the length of the clip is known.
  func plan() throws -> WindowPlan {
    guard let plan = try plans.next() else { preconditionFailure("a feed that ends without a plan") }
    return plan
  }

  /// Waits for the next window; nil after the last.
  func next() throws -> WindowMaterial? { try windows.next() }

  /// Everything seen so far; complete once `next` has returned nil.
  var track: ClipTrack { seen.withLock { $0 } }

  /// Stops the thread.
  func abandon() { windows.abandon() }

  // MARK: On the thread

  private func produce(_ request: GenerationRequest, pictureSize: Int?) throws {
    switch request.source {
    case .black(let seconds):
      let plan = WindowPlan(samples: Int((seconds * Double(Clock.sampleRate)).rounded()))
      _ = plans.put(plan)
      var assembly = WindowAssembly(request, plan: plan, pictureSize: nil)
      _ = emit(&assembly, until: nil)
      seen.withLock { $0 = assembly.track }

    case .video(let path, let start, let end):
      let reader = try VideoReader(path: path, start: start, end: end)
      let information = reader.information
      let plan = WindowPlan(samples: max(1, information.duration.scaled(to: Clock.sampleRate)))
      _ = plans.put(plan)
      var assembly = WindowAssembly(request, plan: plan, pictureSize: pictureSize)
      let gray = PictureSize(ofMotionIn: information)
      while let frame = try reader.next() {
        let picture = try frame.picture(
          width: gray.width, height: gray.height, format: .gray8, fit: .stretch)
        try assembly.add(
          frame,
          gray: GrayFrame(
            time: frame.time.seconds, width: gray.width, height: gray.height,
            pixels: picture.bytes))
        guard emit(&assembly, until: frame.time.seconds) else { return }
      }
      try assembly.finish()
      _ = emit(&assembly, until: nil)
      seen.withLock {
        $0 = assembly.track
        $0.warnings = reader.warnings.map(\.description)
      }
    }
  }

  /// Hands over every window that is complete once all frames before `time` are in (nil: all there
  /// are). False when nobody wants more.
  private func emit(_ assembly: inout WindowAssembly, until time: Double?) -> Bool {
    while let window = assembly.next(at: time) {
      guard windows.put(window) else { return false }
    }
    return true
  }
}

/// The size at which motion is watched: about as many pixels as 160 x 90, in the clip's own shape.
private struct PictureSize {
  let width: Int
  let height: Int

  init(ofMotionIn video: VideoInformation) {
    let (w, h) = (Double(video.width), Double(video.height))
    let factor = min(160 / max(w, h), 1)
    width = max(16, Int((w * factor).rounded()))
    height = max(16, Int((h * factor).rounded()))
  }
}
