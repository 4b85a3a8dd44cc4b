import Networks

/// Bytes each network of a published model needs beside its weights while it computes: tensors between
/// its layers, the scratch of products, and what the backend keeps of both.
///
/// Estimates on the safe side: runs of the XL size with the smallest budget that is accepted stay below it.
struct HunyuanWork: Sendable {
  let text: Int
  let visual: Int
  let sync: Int
  let transformer: Int
  let decoder: Int

  /// What the backend keeps for coming tensors, and a margin.
  private static let base = 448 << 20
  private static let float = 4

  init(_ networks: HunyuanNetworks) {
    let float = HunyuanWork.float
    text = HunyuanWork.base
    visual = HunyuanWork.base
    sync = HunyuanWork.base
    let width = networks.transformer.width
    // Both halves of a guided pass, over eight seconds of audio and visual tokens.
    let rows = 2 * WindowPlan.length * (Clock.latentRate + HunyuanDescription.visualRate)
    transformer = HunyuanWork.base + rows * 24 * width * float
    decoder = HunyuanWork.base
  }
}
