import Media
import Synchronization
import Tensors

/// Remembers what an encoder made of pictures, so that none is encoded twice: the first pictures of a window
/// are the last ones of the window before, and a still scene shows the same one again and again.
final class SeenPictures: Sendable {
  private struct Memory {
    var pictures: ArraySlice<Picture> = []
    /// [pictures, C]; nil where there are none.
    var features: Tensor?
  }
  private let memory = Mutex(Memory())
  /// Pictures from one window's start to the next one's.
  private let hop: Int

  init(rate: Int) { hop = WindowPlan.hop * rate }

  /// - Parameters:
  ///   - pictures: of one window, at least one.
  ///   - encode: pictures -> a row for each.
  /// - Returns: [pictures, C]
  func features(of pictures: [Picture], encode: ([Picture]) throws -> Tensor) rethrows -> Tensor {
    let known = memory.withLock { $0 }
    let old = Array(known.pictures)
    // Of each picture: a row of what is known from before, then of what is encoded now.
    var rows: [Int] = []
    var new: [Picture] = []
    for (index, picture) in pictures.enumerated() {
      if index < old.count, old[index] == picture {
        rows.append(index)
      } else if let last = rows.last, pictures[index - 1] == picture {
        rows.append(last)
      } else {
        rows.append(old.count + new.count)
        new.append(picture)
      }
    }
    let table = joined([known.features, new.isEmpty ? nil : try encode(new)].compactMap { $0 })
    let backend = table.backend
    let features = table.view.picking(rows: backend.rowIndex(rows)).copied()
    let rest = pictures.dropFirst(hop)
    let kept = rest.isEmpty ? nil : features[hop..<pictures.count].view.copied()
    memory.withLock { $0 = Memory(pictures: rest, features: kept) }
    return features
  }

  private func joined(_ parts: [Tensor]) -> Tensor {
    guard parts.count > 1 else { return parts[0] }
    let rows = concatenatedRows(parts.map(\.view))
    return rows.reshaped([rows.rows, rows.channels])
  }
}
