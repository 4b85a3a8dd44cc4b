import Media
import Motion

extension Plot {
  /// The picture of what came of a run.
  ///
  /// - Parameters:
  ///   - sound: gathered while it was written.
  ///   - title: the sound's name.
  public static func picture(
    of report: GenerationReport, _ sound: PlotAccumulator, title: String
  ) -> Picture {
    let canvas = draw(
      sound,
      PlotDescription(
        title: title, prompt: report.parameters.prompt,
        notes: ["model \(report.model.name)", "seed \(report.parameters.seed)"],
        events: report.events.filter { $0.strength >= VisualEvent.threshold }
          .map { .init(time: $0.time, strength: $0.strength) },
        motion: report.energy, motionRate: Double(Clock.syncRate)))
    return Picture(
      width: canvas.width, height: canvas.height, format: .rgb24, bytes: canvas.rgb)
  }
}
