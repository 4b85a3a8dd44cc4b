import ArgumentParser
import FoleyKit
import Foundation

/// How progress is shown on standard error.
enum ProgressMode: String, CaseIterable, ExpressibleByArgument {
  case auto, plain, json, none
}

/// Shows a run's progress: a bar on a terminal, else a line per window, or a JSON object per event.
final class ProgressDisplay {
  private enum Style { case bar, plain, json, none }

  private let style: Style
  private let unicode = Terminal.showsUnicode
  private let began = ContinuousClock.now
  private var seconds = 0.0
  private var windows = 1
  private var windowsDone = 0
  private var barIsShown = false
  private var computing: ContinuousClock.Instant?

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

  func show(_ event: ProgressEvent) {
    switch event {
    case .started(let seconds, let windows):
      (self.seconds, self.windows) = (seconds, windows)
      line("\(Self.text(seconds)) s of video, \(windows) window\(windows == 1 ? "" : "s")")
      json("started", ["seconds": seconds, "windows": windows])
    case .loaded(let model, let backend):
      computing = .now
      line("model \(model) on \(backend)")
      json("loaded", ["model": model, "backend": backend])
    case .step(let step, let steps, let window):
      bar((Double(window - 1) + Double(step) / Double(steps)) / Double(windows), window: window)
      json("step", ["step": step, "steps": steps, "window": window])
    case .window(let window, let count, let done):
      windowsDone = window
      let speed = speed(done)
      let remaining = max(0, (seconds - done) / max(speed, 1e-6))
      if style == .plain {
        line(
          "window \(window)/\(count): \(Self.text(done)) of \(Self.text(seconds)) s, "
            + "\(Self.text(speed))x real time"
            + (window < count ? ", \(Self.duration(remaining)) left" : ""))
      }
      bar(Double(window) / Double(count), window: window)
      json(
        "window",
        [
          "window": window, "windows": count, "secondsDone": done, "speed": speed,
          "secondsLeft": remaining,
        ])
    case .warning(let text):
      clearBar()
      if style != .json { Terminal.error("Warning: \(text)\n") }
      json("warning", ["message": text])
    }
  }

  /// The last line of a run that went well.
  func finish(_ summary: String) {
    clearBar()
    if style == .bar || style == .plain { Terminal.error(summary + "\n") }
  }

  /// Takes the bar off the terminal, before other text.
  func clearBar() {
    if barIsShown { Terminal.error("\r\u{1B}[K") }
    barIsShown = false
  }

  // MARK: Pieces

  private func line(_ text: String) {
    if style == .plain { Terminal.error(text + "\n") }
  }

  private func bar(_ fraction: Double, window: Int) {
    guard style == .bar else { return }
    let done = min(seconds, fraction * seconds)
    let speed = speed(done)
    let text =
      " \(Self.text(done))/\(Self.text(seconds)) s  window \(window)/\(windows)  "
      + "\(Self.text(speed))x  ETA \(Self.duration((seconds - done) / max(speed, 1e-6)))"
    let width = max(8, min(40, Terminal.columns - text.count - 1))
    let filled = Int((fraction * Double(width)).rounded())
    let (full, empty) = unicode ? ("█", "░") : ("#", "-")
    Terminal.error(
      "\r" + String(repeating: full, count: filled)
        + String(repeating: empty, count: width - filled) + text + "\u{1B}[K")
    barIsShown = true
  }

  private func json(_ event: String, _ fields: [String: any Encodable]) {
    guard style == .json else { return }
    var object: [String: JSON.Value] = fields.mapValues { JSON.Value($0) }
    object["event"] = JSON.Value(event)
    object["time"] = JSON.Value(Self.seconds(since: began))
    Terminal.error(JSON.text(object, pretty: false) + "\n")
  }

  private func speed(_ done: Double) -> Double {
    done / max(Self.seconds(since: computing ?? began), 1e-3)
  }

  private static func seconds(since start: ContinuousClock.Instant) -> Double {
    let duration = (ContinuousClock.now - start).components
    return Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
  }

  static func text(_ value: Double) -> String { String(format: "%.1f", value) }

  private static func duration(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded(.up))
    if whole < 60 { return "\(whole) s" }
    return String(format: "%d:%02d min", whole / 60, whole % 60)
  }
}
