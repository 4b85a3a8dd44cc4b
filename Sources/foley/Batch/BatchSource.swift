import FoleyKit
import Foundation
import Synchronization

/// Hands out the items of a batch, one at a time, to whoever asks: those of a manifest, or what standard input says
/// line by line.
final class BatchSource: Sendable {
  private struct State {
    var waiting: ArraySlice<BatchItem> = []
    var taken: [BatchItem] = []
    var lines: InputLines?
    var reader = BatchLineReader()
    var names: [String: BatchItem] = [:]
    var index = 0
  }

  /// All of this process's items; nil where they come line by line.
  let items: [BatchItem]?
  let warnings: [String]
  private let shard: BatchShard?
  private let state: Mutex<State>

  init(_ source: String, shard: BatchShard?) throws(FoleyError) {
    self.shard = shard
    guard source != "-" else {
      (items, warnings) = (nil, [])
      state = Mutex(State(lines: InputLines()))
      return
    }
    let manifest = try BatchManifest(path: source)
    let own = manifest.items.enumerated().filter { shard?.holds($0.offset) ?? true }.map(\.element)
    (items, warnings) = (own, manifest.warnings)
    state = Mutex(State(waiting: own[...]))
  }

  /// The items in their order: all of a manifest's, those that standard input has named.
  var taken: [BatchItem] { items ?? state.withLock { $0.taken } }
  /// What the lines of standard input gave reason to.
  var laterWarnings: [String] { items == nil ? state.withLock { $0.reader.warnings } : [] }

  /// Nil when there are no more, or none are wanted.
  func next(unless isOver: () -> Bool) -> BatchItem? {
    while !isOver() {
      let found: BatchItem?? = state.withLock { state in
        guard state.lines != nil else { return .some(state.waiting.popFirst()) }
        switch state.lines!.next(within: 100) {
        case .end: return .some(nil)
        case .nothing: return nil
        case .line(let line, let number):
          guard let item = state.reader.item(line, line: number) else { return nil }
          defer { state.index += 1 }
          guard shard?.holds(state.index) ?? true, let named = named(item, &state) else {
            return nil
          }
          state.taken.append(named)
          return .some(named)
        }
      }
      if let found { return found }
    }
    return nil
  }

  /// Nil for an item that was there before. A line cannot know of later ones, so that the first of several clips of
  /// a name has it, and the others get a hash behind it.
  private func named(_ given: BatchItem, _ state: inout State) -> BatchItem? {
    var item = given
    if item.id.isEmpty { item.id = item.stem }
    if let other = state.names[item.id], other != item {
      if given.id.isEmpty {
        item.id += "-" + given.digest
      } else {
        item.id += "-line-\(state.index + 1)"
        item.fault = "two items have the id '\(given.id)'"
      }
    }
    return state.names.updateValue(item, forKey: item.id) == nil ? item : nil
  }
}

/// Lines of standard input, waited for only so long.
private struct InputLines {
  enum Found {
    case line(String, number: Int)
    case nothing
    case end
  }

  private var received: [UInt8] = []
  private var isOver = false
  private var number = 0

  mutating func next(within milliseconds: Int32) -> Found {
    if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
      let line = String(decoding: received[..<end], as: UTF8.self)
      received.removeSubrange(...end)
      number += 1
      return .line(line, number: number)
    }
    if isOver {
      guard !received.isEmpty else { return .end }
      defer { received = [] }
      return .line(String(decoding: received, as: UTF8.self), number: number + 1)
    }
    var waiting = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    guard poll(&waiting, 1, milliseconds) > 0 else { return .nothing }
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(STDIN_FILENO, &piece, piece.count)
    if count > 0 {
      received += piece[..<count]
    } else if count == 0 || errno != EINTR {
      isOver = true
    }
    return .nothing
  }
}
