import FoleyKit
import Foundation
import Synchronization

/// Progress over a whole batch on standard error: a line that is written over on a terminal, else a line for each
/// item, or JSON.
final class BatchDisplay: Sendable {
  private enum Style { case bar, plain, json, none }

  private let style: Style
  private let began = ContinuousClock.now
  private let isShown = Mutex(false)

  init(_ mode: ProgressMode, quiet: Bool) {
    style =
      switch mode {
      case .json: .json
      case _ where quiet: .none
      case .none: .none
      case .plain: .plain
      case .auto: Terminal.errorIsTerminal ? .bar : .plain
      }
  }

  /// An item is finished.
  func show(_ record: BatchRecord, isUnchanged: Bool, _ counts: BatchLedger.Counts) {
    let count = "\(counts.finished)" + (counts.items.map { "/\($0)" } ?? "")
    let what =
      switch record.status {
      case .done: isUnchanged ? "unchanged" : "done in \(ProgressDisplay.text(record.seconds)) s"
      case .failed: "FAILED (\(record.exitCode)): \(record.error ?? "")"
      }
    isShown.withLock { isShown in
      switch style {
      case .plain: Terminal.error("\(count) \(record.id): \(what)\n")
      case .bar:
        if record.status == .failed { Terminal.error("\r\u{1B}[K\(record.id): \(what)\n") }
        var text = "\(count) done"
        if counts.failed > 0 { text += ", \(counts.failed) failed" }
        text += left(counts)
        Terminal.error("\r\u{1B}[K" + text.prefix(Terminal.columns - 1))
        isShown = true
      case .json:
        let object: [String: JSON.Value] = [
          "event": .init("item"), "id": .init(record.id), "status": .init(record.status.rawValue),
          "unchanged": .init(isUnchanged), "finished": .init(counts.finished),
          "failed": .init(counts.failed), "time": .init(BatchClock.seconds(since: began)),
        ]
        Terminal.error(JSON.text(object, pretty: false) + "\n")
      case .none: break
      }
    }
  }

  /// By what was made so far, for what was unchanged took no time.
  private func left(_ counts: BatchLedger.Counts) -> String {
    let made = counts.done + counts.failed
    guard let items = counts.items, made > 0, items > counts.finished else { return "" }
    let seconds = BatchClock.seconds(since: began) / Double(made) * Double(items - counts.finished)
    let whole = Int(seconds.rounded(.up))
    let time =
      whole < 60
      ? "\(whole) s"
      : String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
    return String(format: ", %.1f/min, ETA ", Double(made) * 60 / BatchClock.seconds(since: began))
      + time
  }

  func warn(_ text: String) {
    if style == .json {
      let object = ["event": "warning", "message": text]
      Terminal.error(JSON.text(object, pretty: false) + "\n")
    } else {
      Terminal.error("Warning: \(text)\n")
    }
  }

  func finish(_ summary: String) {
    isShown.withLock { if $0 { Terminal.error("\r\u{1B}[K") } }
    if style == .bar || style == .plain { Terminal.error(summary + "\n") }
  }
}
