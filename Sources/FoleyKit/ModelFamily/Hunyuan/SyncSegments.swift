import Networks

/// How a window's frames, 25 a second, are cut into the segments Synchformer looks at: 16 frames each, one
/// every 8, fewer frames filled up to a whole segment.
struct SyncSegments: Sendable, Equatable {
  static let length = 16
  static let step = 8
  /// Features of each segment.
  static let tokensPerSegment = 8

  let count: Int

  init(frames: Int) {
    count = max(0, frames - SyncSegments.length) / SyncSegments.step + 1
  }

  /// Features of all of them.
  var tokens: Int { count * SyncSegments.tokensPerSegment }
}
