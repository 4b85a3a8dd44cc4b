import ArgumentParser
import Foundation
import Tensors

struct ParityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "parity",
    abstract: "Compares networks with recorded outputs of their reference implementation.",
    discussion: """
      Each folder holds fixture.json and what it names. One line for each output; the exit status is 1 \
      where a line misses its tolerance or cannot be computed.
      """)

  @Argument(help: "Folders of fixtures.")
  var folders: [String]

  @Option(help: "Folder of the sentence encoder's weights, for fixtures that do not carry them.")
  var minilm: String?

  @OptionGroup var computing: BackendOptions

  @Option(help: "Keep all weights as f32 or bf16; by default as they are recorded.")
  var precision: WeightStorage?

  @Option(
    help: ArgumentHelp(
      "Relative L2 error that is allowed in place of the recorded tolerance.", valueName: "error"))
  var tolerance: Double?

  @Flag(help: "Do not count fixtures of modules that are not supported yet as misses.")
  var skipUnsupported = false

  func run() throws {
    let check = ParityCheck(
      backend: try computing.make(), minilm: minilm, storage: precision?.dtype,
      tolerance: tolerance)
    var lines = 0
    var misses = 0
    for folder in folders {
      for comparison in check.compare(folder) {
        print(comparison.line)
        lines += 1
        if case .unsupported = comparison.result, skipUnsupported { continue }
        if !comparison.passed { misses += 1 }
      }
    }
    print("\(lines) lines, \(misses) missed, on \(check.backend.name)")
    if misses > 0 { throw ExitCode.failure }
  }
}

enum WeightStorage: String, CaseIterable, ExpressibleByArgument {
  case f32, bf16

  var dtype: DType { self == .f32 ? .f32 : .bf16 }
}

/// Runs fixtures, whatever their module.
struct ParityCheck {
  let backend: any Backend
  /// Folder or file of the sentence encoder's weights.
  var minilm: String?
  /// What weights are converted to.
  var storage: DType?
  /// In place of what the fixtures allow.
  var tolerance: Double?

  /// Every output of one fixture; what goes wrong is a line too, so that the others still run.
  func compare(_ folder: String) -> [Comparison] {
    do {
      var fixture = try Fixture(folder)
      fixture.storage = storage
      fixture.tolerance = tolerance ?? fixture.tolerance
      switch fixture.module {
      case "dit-forward": return try transformerPass(fixture)
      case "dit-trajectory": return try trajectory(fixture)
      case "minilm-text": return try sentenceEncoder(fixture)
      case "wordpiece-tokenizer": return try wordPiece(fixture)
      case "efficientnet-lite0": return try pictureClassifier(fixture)
      case "text-tokenizer": return try bytePairs(fixture)
      case "clap-text": return try promptEncoder(fixture)
      case "dac-decode": return try soundDecoder(fixture)
      case "dac-encode": return try soundEncoder(fixture)
      case "synchformer-audio": return try audioTower(fixture)
      case "synchformer-offset": return try offsetHead(fixture)
      case "published-layout": return try publishedModel(fixture)
      case "siglip2-vision": return try siglip2Vision(fixture)
      case "siglip2-preprocess": return try siglip2Preparation(fixture)
      case "synchformer-visual": return try synchformerVisual(fixture)
      case "synchformer-preprocess": return try synchformerPreparation(fixture)
      default:
        return [
          Comparison(fixture: fixture.name, output: "-", .unsupported(module: fixture.module))
        ]
      }
    } catch {
      let name = URL(fileURLWithPath: folder).lastPathComponent
      return [Comparison(fixture: name, output: "-", .failed(reason: "\(error)"))]
    }
  }
}
