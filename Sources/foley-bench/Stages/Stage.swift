import ArgumentParser
import Networks
import Tensors

/// What a stage is to be measured with.
struct StageSettings {
  let model: BenchmarkModel
  let precision: BenchmarkPrecision
  /// Fewer blocks than the model has, in place of all.
  let blocks: BlockCounts?
  let backend: any Backend
}

/// A part of the work on a clip that loads, runs and is freed by itself. Another network is one more entry
/// in `all`.
struct Stage: Sendable {
  let name: String
  let prepare: @Sendable (StageSettings) throws -> PreparedStage

  static let all: [Stage] = [.clap, .siglip2, .synchformer, .transformer, .dac]
}

/// A loaded stage.
struct PreparedStage {
  /// What one run is, such as "one step: 2 x 400 latents".
  let run: String
  /// Runs for a clip of 8 seconds.
  let runsPerClip: Int
  /// How often a part happens in the whole network for once that it is measured; 1 where not named.
  var repetitions: [String: Double] = [:]
  /// Computes once, calling `mark` with a part's name when the part is done. What comes before the first
  /// call belongs to the first part.
  let compute: (_ index: Int, _ mark: @escaping (String) -> Void) -> Void

  /// Whether times are those of fewer blocks, multiplied.
  var isExtrapolated: Bool { repetitions.values.contains { $0 != 1 } }
}

/// Which weights are measured.
enum BenchmarkModel: ExpressibleByArgument {
  case random(name: String, TransformerConfiguration)
  case folder(String)

  init?(argument: String) {
    switch argument {
    case "random:xl": self = .random(name: argument, .xl)
    case "random:xxl": self = .random(name: argument, .xxl)
    default:
      if argument.hasPrefix("random:") { return nil }
      self = .folder(argument)
    }
  }

  var name: String {
    switch self {
    case .random(let name, _): name
    case .folder(let path): path
    }
  }
}

/// What weights are stored in and products are computed in.
enum BenchmarkPrecision: String, CaseIterable, ExpressibleByArgument {
  /// Weights and arithmetic in single precision.
  case f32
  /// Weights in bf16, arithmetic in single precision.
  case bf16
  /// Weights and activations in 8 bits where the network allows it.
  case int8

  var products: ProductPrecision { self == .int8 ? .int8 : .float }
  var stored: DType { self == .f32 ? .f32 : .bf16 }
}

/// Numbers of triple and single blocks, written `1,2`.
struct BlockCounts: ExpressibleByArgument {
  let triple: Int
  let single: Int

  init?(argument: String) {
    let counts = argument.split(separator: ",").map { Int($0) ?? 0 }
    guard counts.count == 2, counts.allSatisfy({ $0 > 0 }) else { return nil }
    (triple, single) = (counts[0], counts[1])
  }
}
