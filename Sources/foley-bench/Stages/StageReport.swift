import FoleyKit
import Foundation

/// What `stages` measured.
struct StageReport: Encodable {
  let model: String
  let precision: String
  let backend: String
  /// Of a processor.
  let peak: ProcessorPeak?
  let stages: [Row]
  /// Whether all stages were measured, so that their sum means something.
  let isWhole: Bool

  struct Row: Encodable {
    let name: String
    let run: String
    let runsPerClip: Int
    /// From fewer blocks than the network has.
    let extrapolated: Bool
    let loadingSeconds: Double
    let seconds: [Double]
    let median: Double
    let minimum: Double
    let maximum: Double
    /// Median processor seconds of a run, all threads together: less than `threads` times the median where
    /// other programs were in the way.
    let processorSeconds: Double
    let floatOperations: Int
    let int8Operations: Int
    let operationsPerSecond: Double
    let shareOfPeak: Double?
    let parts: [Part]
    /// Bytes resident at most, from the loading of the stage to the end of its last run.
    let peakMemory: Int

    struct Part: Encodable {
      let name: String
      let seconds: Double
      let processorSeconds: Double
      let operations: Int
      let shareOfPeak: Double?
    }

    init(
      _ stage: Stage, _ prepared: PreparedStage, _ measurement: Measurement, loading: Double,
      peak: ProcessorPeak?
    ) {
      let (seconds, work) = (measurement.seconds, measurement.work)
      name = stage.name
      run = prepared.run
      runsPerClip = prepared.runsPerClip
      extrapolated = prepared.isExtrapolated
      loadingSeconds = loading
      self.seconds = seconds
      median = seconds.median
      minimum = seconds.min() ?? .nan
      maximum = seconds.max() ?? .nan
      processorSeconds = measurement.processorSeconds.median
      floatOperations = work.float
      int8Operations = work.int8
      operationsPerSecond = Double(work.float + work.int8) / seconds.median
      shareOfPeak = peak.map { $0.seconds(work) / seconds.median }
      parts = measurement.partNames.map { name in
        let part = measurement.part(name)
        return Part(
          name: name, seconds: part.seconds, processorSeconds: part.processorSeconds,
          operations: part.work.float + part.work.int8,
          shareOfPeak: peak.map { $0.seconds(part.work) / part.seconds })
      }
      peakMemory = ProcessMeasure.peakMemory
    }
  }

  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  /// For people.
  var table: String {
    var lines = ["\(model), \(precision), on \(backend)"]
    if let peak {
      lines.append(
        String(
          format: "peak in registers: %.0f GFLOP/s in single precision, %.0f GOP/s in integers",
          peak.floatPerSecond / 1e9, peak.int8PerSecond / 1e9))
    }
    lines += [
      "",
      line(
        "stage", "median s", "min", "max", "cpu s", "GFLOP", "GFLOP/s", "of peak", "peak MB",
        "load s"),
    ]
    for stage in stages {
      lines.append(
        line(
          stage.name + (stage.extrapolated ? " *" : ""), seconds(stage.median),
          seconds(stage.minimum), seconds(stage.maximum), seconds(stage.processorSeconds),
          giga(Double(stage.floatOperations + stage.int8Operations)),
          giga(stage.operationsPerSecond), percent(stage.shareOfPeak),
          String(stage.peakMemory / 1_000_000), seconds(stage.loadingSeconds)))
      if stage.parts.count > 1 {
        for part in stage.parts {
          lines.append(
            line(
              "  " + part.name, seconds(part.seconds), "", "",
              seconds(part.processorSeconds), giga(Double(part.operations)),
              giga(Double(part.operations) / part.seconds), percent(part.shareOfPeak), "", ""))
        }
      }
      lines.append("  \(stage.run); \(stage.runsPerClip) for a clip of 8 s")
    }
    if stages.contains(where: \.extrapolated) {
      lines += [
        "",
        "* from fewer blocks, multiplied to the whole network; memory is that of the fewer blocks",
      ]
    }
    if isWhole {
      let sum = stages.reduce(0) { $0 + Double($1.runsPerClip) * $1.median }
      lines += [
        "",
        String(format: "a clip of 8 s, by these stages: %.1f s", sum)
          + " (\(stages.map(\.name).joined(separator: ", ")))",
      ]
    }
    return lines.joined(separator: "\n")
  }

  private func line(_ cells: String...) -> String {
    cells.enumerated().map { index, cell in
      index == 0
        ? cell.padding(toLength: max(20, cell.count), withPad: " ", startingAt: 0)
        : String(repeating: " ", count: max(1, 10 - cell.count)) + cell
    }.joined()
  }

  private func seconds(_ value: Double) -> String {
    String(format: value < 10 ? "%.3f" : "%.2f", value)
  }
  private func giga(_ value: Double) -> String { String(format: "%.0f", value / 1e9) }
  private func percent(_ value: Double?) -> String {
    value.map { String(format: "%.0f %%", 100 * $0) } ?? ""
  }
}
