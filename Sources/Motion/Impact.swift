/// A moment at which motion broke off or turned, as seen by one window of the picture in one
/// direction, before it is graded.
///
/// Speeds are in pixels of the working picture per second, sizes in blocks.
struct Impact: Sendable {
  var time: Double
  /// The downward part of the unit vector of arrival, -1 (up) ... 1 (down).
  var downward: Float
  /// Speed lost times size: the figure by which impacts compare.
  var score: Float
  /// All change of speed in the pulse times size, less the baseline, and the baseline: what the
  /// same place does anyway in the quarter second around.
  var mass: Float
  var baseline: Float
  /// Change of speed in the pulse alone.
  var change: Float
  /// Mean speed along the direction in the tenth of a second before and after.
  var before: Float
  var after: Float
  /// The same after the impact in the windows ahead, for a thing of the same size: what flew on.
  var escaping: Float
  var size: Float
  /// Speed just before over the mean before: above 1 where it still gained speed.
  var rise: Float
  /// The share of the loss around that falls into two frames.
  var concentration: Float
  /// Speed one frame earlier over the speed just before.
  var support: Float
  /// Blocks that changed before and after, and the window's share of all that changed.
  var areaBefore: Float
  var areaAfter: Float
  var focus: Float
}
