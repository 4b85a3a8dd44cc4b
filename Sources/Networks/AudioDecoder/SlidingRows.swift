import Tensors

/// A window that slides along the rows of a stream.
struct SlidingWindow: Sendable, Equatable {
  var length: Int
  var stride = 1
  /// Rows of zeros before the first row of the stream, and as many after its last.
  var padding: Int
}

/// Collects the rows of a stream that comes in pieces for a layer that sees them through a window. Kept
/// between pieces: the rows that windows to come still need, fewer than one window has.
struct SlidingRows: Sendable {
  let window: SlidingWindow
  private var kept: Tensor

  init(_ window: SlidingWindow, channels: Int, on backend: any Backend) {
    self.window = window
    kept = SlidingRows.zeros(window.padding, channels, backend)
  }

  /// - Parameters:
  ///   - x: the next rows, [T, C], perhaps none.
  ///   - last: no more will come.
  /// - Returns: the rows of the windows that are whole by now, [.., C]; nil where there are none.
  mutating func push(_ x: Tensor, last: Bool) -> Tensor? {
    var parts = [kept, x]
    if last { parts.append(SlidingRows.zeros(window.padding, x.channels, x.backend)) }
    let rows = SlidingRows.joined(parts)
    let count = rows.shape[0]
    let windows = count < window.length ? 0 : (count - window.length) / window.stride + 1
    // Copied, lest a few rows keep the memory of them all.
    kept = rows[min(windows * window.stride, count)..<count].view.copied()
    return windows == 0 ? nil : rows[0..<(windows - 1) * window.stride + window.length]
  }

  private static func joined(_ parts: [Tensor]) -> Tensor {
    let filled = parts.filter { $0.shape[0] > 0 }
    guard filled.count > 1 else { return filled.first ?? parts[0] }
    let rows = concatenatedRows(filled.map(\.view))
    return rows.reshaped([rows.rows, rows.channels])
  }

  private static func zeros(_ rows: Int, _ channels: Int, _ backend: any Backend) -> Tensor {
    backend.tensor([Float](repeating: 0, count: rows * channels), [rows, channels])
  }
}
