import Foundation
import Motion
import Signal

/// An event of the picture and the onset that belongs to it.
struct OffsetPair: Sendable {
  /// Of the event, in seconds.
  let time: Double
  /// Seconds by which the onset is late.
  let offset: Double

  /// Seconds within which an onset may belong to an event.
  static let reach = 0.3

  /// One to one and in order: as many pairs as can be, of these the ones nearest together.
  ///
  /// Both lists are cut where nothing of either lies within reach of the other side, so that the table of the
  /// dynamic programme stays small however long the film is.
  static func matching(onsets: [Onset], _ events: [VisualEvent]) -> [OffsetPair] {
    var pairs: [OffsetPair] = []
    var (onset, event) = (0, 0)
    while onset < onsets.count && event < events.count {
      // A cluster grows by whatever is within reach of its latest member.
      var end = min(onsets[onset].time, events[event].time)
      let (firstOnset, firstEvent) = (onset, event)
      var grows = true
      while grows {
        grows = false
        while onset < onsets.count, onsets[onset].time <= end + reach {
          end = max(end, onsets[onset].time)
          onset += 1
          grows = true
        }
        while event < events.count, events[event].time <= end + reach {
          end = max(end, events[event].time)
          event += 1
          grows = true
        }
      }
      pairs += best(onsets[firstOnset..<onset].map(\.time), events[firstEvent..<event].map(\.time))
    }
    return pairs
  }

  /// A pair is worth 1, less up to a half for its distance.
  private static func best(_ onsets: [Double], _ events: [Double]) -> [OffsetPair] {
    guard !onsets.isEmpty, !events.isEmpty else { return [] }
    let columns = events.count + 1
    var worth = [Float](repeating: 0, count: (onsets.count + 1) * columns)
    func gain(_ i: Int, _ j: Int) -> Float {
      let distance = abs(onsets[i] - events[j])
      return distance > reach ? -1 : 1 - 0.5 * Float(distance / reach)
    }
    for i in 1...onsets.count {
      for j in 1...events.count {
        let paired = worth[(i - 1) * columns + j - 1] + gain(i - 1, j - 1)
        worth[i * columns + j] = max(
          worth[(i - 1) * columns + j], worth[i * columns + j - 1], paired)
      }
    }
    var pairs: [OffsetPair] = []
    var (i, j) = (onsets.count, events.count)
    while i > 0 && j > 0 {
      let here = worth[i * columns + j]
      if here == worth[(i - 1) * columns + j] {
        i -= 1
      } else if here == worth[i * columns + j - 1] {
        j -= 1
      } else {
        pairs.append(OffsetPair(time: events[j - 1], offset: onsets[i - 1] - events[j - 1]))
        (i, j) = (i - 1, j - 1)
      }
    }
    return pairs.reversed()
  }
}

extension Verification.Sync {
  init(_ pairs: [OffsetPair], events: Int, onsets: Int, seconds: Double) {
    (self.events, self.onsets, matched) = (events, onsets, pairs.count)
    let offsets = pairs.map { $0.offset * 1000 }
    medianOffset = offsets.median
    medianDistance = offsets.map(abs).median
    worstDistance = offsets.map(abs).max()
    let minutes = Dictionary(grouping: pairs) { Int($0.time / 60) }
    perMinute = (0..<max(1, Int((seconds / 60).rounded(.up)))).map { minute in
      minutes[minute]?.map { $0.offset * 1000 }.median
    }
    if pairs.count >= 20, pairs[pairs.count - 1].time - pairs[0].time >= 60 {
      (drift, driftUncertainty) = Verification.Sync.slope(pairs)
    }
  }

  /// Median of the slopes of all pairs of pairs that lie well apart, thinned out where there are very many.
  private static func slope(_ pairs: [OffsetPair]) -> (Double, Double) {
    let thinned = stride(from: 0, to: pairs.count, by: max(1, pairs.count / 1000)).map { pairs[$0] }
    let span = thinned[thinned.count - 1].time - thinned[0].time
    var slopes: [Double] = []
    for (index, pair) in thinned.enumerated() {
      for other in thinned[(index + 1)...] where other.time - pair.time > span / 4 {
        slopes.append((other.offset - pair.offset) * 1000 / (other.time - pair.time) * 3600)
      }
    }
    slopes.sort()
    guard !slopes.isEmpty else { return (0, .infinity) }
    // Of n pairs the error of the median slope shrinks with the root of n.
    let half = (slopes[slopes.count * 3 / 4] - slopes[slopes.count / 4]) / 2
    return (slopes[slopes.count / 2], half / Double(thinned.count).squareRoot())
  }
}

extension [Double] {
  /// Nil of none.
  var median: Double? {
    guard !isEmpty else { return nil }
    let sorted = sorted()
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
  }
}
