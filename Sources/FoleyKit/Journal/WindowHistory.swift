/// The windows of a run as they become known: made now, or found in the journal of an earlier run.
struct WindowHistory {
  private let control: RunControl
  private let channels: Int
  /// What the window before leaves to the next.
  private var continuation: Continuation?
  /// The same where that window was made again in a retake.
  private var retaken: Continuation?

  init(_ control: RunControl, channels: Int) {
    (self.control, self.channels) = (control, channels)
  }

  /// The latents of a window, [rows, channels].
  ///
  /// - Parameter make: makes them, holding to what it is given.
  mutating func latents(
    of window: WindowMaterial, make: (Continuation?) throws -> [Float]
  ) throws -> [Float] {
    let journal = control.journal
    let kept = try journal?.latents(
      of: window.index, channels: channels, at: window.latents)
    let latents: [Float]
    if let kept {
      let hold = control.retake?.hold(
        window, kept: kept, channels: channels, after: window.startsAnew ? nil : retaken)
      latents = try hold.map { try make($0) } ?? kept
      if hold != nil { try record(latents, window) }
      retaken =
        hold == nil || !window.goesOn ? nil : Continuation(after: latents, channels: channels)
    } else {
      latents = try make(window.startsAnew ? nil : continuation)
      try record(latents, window)
    }
    continuation = window.goesOn ? Continuation(after: latents, channels: channels) : nil
    return latents
  }

  private func record(_ latents: [Float], _ window: WindowMaterial) throws {
    try control.journal?.record(
      JournalWindow(
        index: window.index, start: window.latents.lowerBound, channels: channels, latents: latents),
      isLast: window.isLast)
  }
}
