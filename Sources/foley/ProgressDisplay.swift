import ArgumentParser
import FoleyKit
import Foundation

/// How progress is shown on standard error.
enum ProgressMode: String, CaseIterable, ExpressibleByArgument {
  case auto, plain, json, none
}

/// Shows a run's progress: a bar on a terminal, else a line per window, or a JSON object per event.
final class ProgressDisplay {
  private enum Style { case bar, plain, json, none, silent }

  private let style: Style
  private let unicode = Terminal.showsUnicode
  private let began = ContinuousClock.now
  /// Of the whole clip, where its headers say.
  private var seconds: Double?
  private var windows: Int?
  private var barIsShown = false
  private var computing: ContinuousClock.Instant?

  init(_ mode: ProgressMode, quiet: Bool) {
    style =
      switch mode {
      case .json: .json
      case _ where quiet: .none
      case .none: .none
      case .plain: .plain
      case .auto: Terminal.errorIsScreen ? .bar : .plain
      }
  }

  /// Tells nothing, not even warnings: for whoever reads them in the report.
  static var silent: ProgressDisplay { ProgressDisplay(.silent) }

  private init(_ style: Style) { self.style = style }

  /// Told of every event, too.
  var observer: ((ProgressEvent) -> Void)?

  func show(_ event: ProgressEvent) {
    observer?(event)
    switch event {
    case .resumed(let windows):
      line(windows == 0 ? "nothing to resume: starting afresh" : "\(windows) windows are there")
      json("resumed", ["windows": windows])
    case .started(let seconds, let windows):
      (self.seconds, self.windows) = (seconds, windows)
      line(seconds.map { "\(Self.text($0)) s of video" } ?? "video of unknown length")
      json("started", ["seconds": seconds, "windows": windows])
    case .loaded(let model, let backend):
      computing = .now
      line("model \(model) on \(backend)")
      json("loaded", ["model": model, "backend": backend])
    case .encoding(let part, let done, let count, let window):
      self.count(window)
      bar(
        windowsDone: Double(window - 1), window: window, doing: "\(part.rawValue) \(done)/\(count)")
      json("encoding", ["part": part.rawValue, "done": done, "of": count, "window": window])
    case .step(let step, let steps, let window):
      count(window)
      bar(windowsDone: Double(window - 1) + Double(step) / Double(steps), window: window)
      json("step", ["step": step, "steps": steps, "window": window])
    case .window(let window, let done):
      count(window)
      let speed = speed(done)
      let remaining = seconds.map { max(0, ($0 - done) / max(speed, 1e-6)) }
      var text = "window \(window)\(ofWindows): \(Self.text(done))\(ofSeconds) s, "
      text += "\(Self.text(speed))x real time"
      if let remaining, remaining > 0 { text += ", \(Self.duration(remaining)) left" }
      line(text)
      bar(windowsDone: Double(window), window: window)
      json(
        "window",
        [
          "window": window, "windows": windows, "secondsDone": done, "speed": speed,
          "secondsLeft": remaining,
        ])
    case .warning(let text):
      clearBar()
      if style != .json && style != .silent { Terminal.error("Warning: \(text)\n") }
      json("warning", ["message": text])
    }
  }

  /// One of several sounds is made from now on.
  func begin(stem: String, _ number: Int, of count: Int) {
    clearBar()
    computing = nil
    line("stem \(stem), \(number)/\(count)")
    json("stem", ["name": stem, "number": number, "of": count])
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

  /// Scenes make more windows than a clip's length tells.
  private func count(_ window: Int) {
    if let known = windows, window > known { windows = nil }
  }

  private var ofWindows: String { windows.map { "/\($0)" } ?? "" }
  private var ofSeconds: String { seconds.map { "/\(Self.text($0))" } ?? "" }

  private func bar(windowsDone: Double, window: Int, doing: String? = nil) {
    guard style == .bar else { return }
    let fraction = windows.map { min(1, windowsDone / Double($0)) }
    let done =
      fraction.flatMap { fraction in seconds.map { $0 * fraction } }
      ?? windowsDone * Double(WindowPlan.hop)
    let speed = speed(done)
    var text = " \(Self.text(done))\(ofSeconds) s  window \(window)\(ofWindows)  "
    text += "\(Self.text(speed))x"
    if let doing { text += "  " + doing }
    if let seconds, windowsDone > 0 {
      text += "  ETA \(Self.duration((seconds - done) / max(speed, 1e-6)))"
    }
    // A line that wraps could not be written over: on a narrow terminal the bar goes, then the end of the text.
    let columns = Terminal.columns
    let width = min(40, columns - text.count - 1)
    let bar = width < 8 ? "" : fraction.map { self.bar($0, width: width) } ?? ""
    Terminal.error("\r" + (bar + text).prefix(columns - 1) + "\u{1B}[K")
    barIsShown = true
  }

  private func bar(_ fraction: Double, width: Int) -> String {
    let filled = Int((fraction * Double(width)).rounded())
    let (full, empty) = unicode ? ("█", "░") : ("#", "-")
    return String(repeating: full, count: filled) + String(repeating: empty, count: width - filled)
  }

  private func json(_ event: String, _ fields: [String: (any Encodable)?]) {
    guard style == .json else { return }
    var object: [String: JSON.Value] = fields.compactMapValues { $0.map(JSON.Value.init) }
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
