import Tensors

/// Sync features as the network reads them: each distinct row once, and for every audio token the row
/// it takes.
///
/// Many tokens share a row: resampling repeats rows, the learned empty features repeat the same 8, and
/// both halves of a guided batch may carry the same features. What depends on sync features alone is
/// therefore computed per distinct row.
struct SyncRows {
  /// Distinct rows of feature plus position, row-major.
  private(set) var rows: [Float] = []
  private(set) var count = 0
  /// The distinct row of each (batch entry, sync token).
  private(set) var rowOfToken: [Int] = []
  /// The distinct row of each (batch entry, audio token).
  private(set) var rowOfLatent: [Int] = []

  /// - Parameters:
  ///   - features: [batch, tokens, width], row-major.
  ///   - positions: [8, width], added to each segment of 8 tokens.
  init(_ features: [Float], positions: [Float], batch: Int, tokens: Int, width: Int, latents: Int) {
    var known: [[Float]: Int] = [:]
    for token in 0..<batch * tokens {
      let place = token % tokens % TransformerConfiguration.syncSegment
      let row = (0..<width).map { features[token * width + $0] + positions[place * width + $0] }
      if let index = known[row] {
        rowOfToken.append(index)
      } else {
        known[row] = count
        rowOfToken.append(count)
        rows += row
        count += 1
      }
    }
    let source = nearestExactIndices(from: tokens, to: latents)
    rowOfLatent = (0..<batch).flatMap { entry in source.map { rowOfToken[entry * tokens + $0] } }
  }
}
