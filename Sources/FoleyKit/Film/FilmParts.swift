/// A film on several machines: `plan` on one, `make` on all, and `generate` where all windows are there.
extension Pipeline {
  /// Watches a film and divides it into at most so many parts, at places where its sound begins anew.
  ///
  /// - Throws: as `generate`.
  public func plan(
    _ request: GenerationRequest, parts: Int, tell: (ProgressEvent) -> Void = { _ in }
  ) throws -> FilmPlan {
    let feed = try WindowFeed(request, needs(looks: false))
    defer { feed.abandon() }
    let expected = try feed.expectation().plan
    tell(.started(seconds: expected?.seconds, windows: expected?.count))
    var scenes = FilmPlan.Scenes()
    var plan: WindowPlan?
    while let window = try feed.next() {
      scenes.add(window)
      plan = window.plan
      tell(.window(window.number, secondsDone: window.secondsDone))
    }
    guard let plan else { preconditionFailure("a feed that ended before its last window") }
    return FilmPlan(
      head: try journalHead(request), whole: plan,
      parts: scenes.parts(parts, latents: plan.latents),
      track: feed.track)
  }

  /// Makes the windows of one part of a film, into a journal.
  ///
  /// - Parameter journal: windows that it has need not be made.
  /// - Throws: as `generate`.
  public func make(
    _ part: FilmPlan.Part, of film: FilmPlan, into journal: Journal,
    shouldStop: @escaping () -> Bool = { false }, tell: (ProgressEvent) -> Void = { _ in }
  ) throws {
    var clock = StageClock()
    let control = RunControl(journal: journal, shouldStop: shouldStop)
    let feed = try WindowFeed(film.request, needs(), part: film.material(of: part))
    defer { feed.abandon() }
    tell(.started(seconds: part.end - part.start, windows: part.windowCount))
    let windows = try sampler(film.request, control, &clock, tell: tell)
    var made = WindowHistory(control, channels: windows.model.latentChannels)
    var count = 0
    while let window = try clock.measure("waiting for video", { try feed.next() }) {
      _ = try made.latents(of: window) { continuation in
        try windows.latents(
          of: window, prompt: window.prompt, after: continuation, &clock, tell: tell)
      }
      count += 1
      let done = window.secondsDone - part.start
      tell(.window(count, secondsDone: done))
      log.debug("window \(window.number): \(clock)\(window.isStill ? ", still" : "")")
      if count < part.windowCount && shouldStop() { throw FoleyError.stopped(seconds: done) }
    }
    precondition(count == part.windowCount, "\(count) windows of \(part.windowCount)")
  }
}
