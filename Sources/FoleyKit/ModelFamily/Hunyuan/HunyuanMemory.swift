import Networks
import Tensors

/// Bytes each network of a published model takes: its weights, and what it needs beside them while it computes
/// (tensors between its layers, the scratch of products, what the backend keeps of both).
///
/// Estimates on the safe side: runs of the XL size with the smallest budget that is accepted stay below it.
struct HunyuanMemory: Sendable {
  let precision: Precision
  private let elements: [ModelPart: Int]
  private let transformerWork: Int

  /// What the backend keeps for coming tensors, and a margin.
  private static let base = 448 << 20

  /// - Parameter inspections: of the model's checkpoints, of which the transformer's tensors are converted.
  init(_ networks: HunyuanNetworks, _ inspections: [CheckpointInspection], precision: Precision) {
    self.precision = precision
    elements = inspections.reduce(into: [:]) { $0[$1.part, default: 0] += $1.elements }
    // Both halves of a guided pass, over eight seconds of audio and visual tokens.
    let rows = 2 * WindowPlan.length * (Clock.latentRate + HunyuanDescription.visualRate)
    transformerWork = rows * 24 * networks.transformer.width * DType.f32.size
  }

  func weights(_ part: ModelPart) -> Int {
    (elements[part] ?? 0) * (part == .transformer ? precision.bytes : DType.f32.size)
  }

  func work(_ part: ModelPart) -> Int {
    HunyuanMemory.base + (part == .transformer ? transformerWork : 0)
  }

  var need: MemoryNeed {
    MemoryNeed(stages: ModelPart.allCases.map { (weights($0), work($0)) })
  }
}
