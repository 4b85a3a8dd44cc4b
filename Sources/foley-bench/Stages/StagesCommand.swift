import ArgumentParser
import CPUBackend
import Foundation
import Tensors

struct StagesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stages",
    abstract: "Measures the stages of a run, one after another.",
    discussion: """
      Operations are counted from the shapes of matrix products, convolutions and attention; one \
      multiplication and addition are two. The peak is what loops without memory reach on the same threads \
      in the same process, of processors only; the share of it is the time all operations would take at the peak, over \
      the time they took. Random weights have the exact shapes of the published models and need no file.
      """)

  @Option(help: "random:xl, random:xxl, or a model's folder.")
  var model: BenchmarkModel = .random(name: "random:xl", .xl)

  @Option(help: ArgumentHelp("Only this stage (\(StagesCommand.names)).", valueName: "stage"))
  var stage: String?

  @Option(
    help: "f32 or bf16: how weights are stored; int8: products in integers from bf16 weights.")
  var precision: BenchmarkPrecision = .bf16

  @OptionGroup var computing: BackendOptions

  @Option(help: "Measured runs of each stage, after one that is not counted.")
  var `repeat` = 3

  @Option(
    help: ArgumentHelp(
      "Run only so many triple and single blocks of the transformer, such as 1,2; times and operations are "
        + "multiplied to those of the whole network, and marked.", valueName: "counts"))
  var blocks: BlockCounts?

  @Flag(help: "Print a JSON object.")
  var json = false

  @Flag(
    help: ArgumentHelp(
      "Wait for a line on standard input before each run and print its wall and processor seconds, so that "
        + "another program can be measured in between."))
  var wait = false

  private static var names: String { Stage.all.map(\.name).joined(separator: ", ") }

  func validate() throws {
    guard `repeat` > 0 else { throw ValidationError("At least one run is needed.") }
    if let stage, !Stage.all.contains(where: { $0.name == stage }) {
      throw ValidationError("'\(stage)' is no stage; there are: \(StagesCommand.names).")
    }
  }

  func run() throws {
    let backend = try computing.make()
    let peak = (backend as? CPUBackend).map(ProcessorPeak.init)
    var rows: [StageReport.Row] = []
    for stage in Stage.all where self.stage == nil || stage.name == self.stage {
      rows.append(try measure(stage, peak: peak, on: backend))
      backend.trim()
    }
    let report = StageReport(
      model: model.name, precision: precision.rawValue, backend: backend.name, peak: peak,
      stages: rows,
      isWhole: stage == nil)
    print(json ? try report.json : report.table)
  }

  private func measure(_ stage: Stage, peak: ProcessorPeak?, on backend: any Backend) throws
    -> StageReport.Row
  {
    ResidentMemory.restart()
    let began = ContinuousClock.now
    let prepared = try stage.prepare(
      StageSettings(model: model, precision: precision, blocks: blocks, backend: backend))
    let loading = (ContinuousClock.now - began).seconds
    var measurement = Measurement()
    prepared.compute(0) { _ in }
    backend.finish()
    for index in 1...`repeat` {
      if wait {
        print("ready")
        fflush(nil)
        guard readLine() != nil else { break }
      }
      measurement.add(prepared, index: index, on: backend)
      if wait {
        print("\(measurement.seconds.last!) \(measurement.processorSeconds.last!)")
        fflush(nil)
      }
    }
    return StageReport.Row(stage, prepared, measurement, loading: loading, peak: peak)
  }
}
