import Foundation
import Tensors

/// For each of `outputs` places, the index among `inputs` that nearest-exact resampling takes.
///
/// The factor and the product are in single precision, as in the framework the published weights were
/// trained with. At some lengths (76 from 24, for one) that gives another index than exact arithmetic,
/// and the network has learned it so.
func nearestExactIndices(from inputs: Int, to outputs: Int) -> [Int] {
  let factor = Float(inputs) / Float(outputs)
  return (0..<outputs).map { min(inputs - 1, Int((Float($0) + 0.5) * factor)) }
}

extension RotaryTable {
  /// Angles `position · 10000^(-2k/D)` for pair k of a head of D channels.
  ///
  /// Frequencies and angles are rounded to single precision, as published; their cosines and sines are
  /// then exact to the last bit, which no vectorised library promises.
  init(positions: [Int], headWidth: Int, on backend: any Backend) {
    let frequencies = stride(from: 0, to: headWidth, by: 2).map { channel in
      1 / Float(pow(10_000, Double(Float(channel) / Float(headWidth))))
    }
    let angles = positions.flatMap { position in frequencies.map { Float(position) * $0 } }
    let shape: Shape = [positions.count, frequencies.count]
    self.init(
      cosines: backend.tensor(angles.map { Float(cos(Double($0))) }, shape),
      sines: backend.tensor(angles.map { Float(sin(Double($0))) }, shape))
  }
}

/// Where tokens stand, for a given number of audio, visual and text tokens.
struct TokenPositions: Sendable {
  /// Joint self-attention: audio token j stands at 2j, a visual token at the odd place after the audio
  /// token in the middle of the time it covers.
  let audioJoint: RotaryTable
  let visualJoint: RotaryTable
  /// Cross-attention and single blocks: every sequence counts for itself.
  let audio: RotaryTable
  let visual: RotaryTable
  let text: RotaryTable

  init(audio: Int, visual: Int, text: Int, headWidth: Int, on backend: any Backend) {
    func table(_ positions: some Sequence<Int>) -> RotaryTable {
      RotaryTable(positions: Array(positions), headWidth: headWidth, on: backend)
    }
    audioJoint = table((0..<audio).map { 2 * $0 })
    visualJoint = table(nearestExactIndices(from: audio, to: visual).map { 2 * $0 + 1 })
    self.audio = table(0..<audio)
    self.visual = table(0..<visual)
    self.text = table(0..<text)
  }
}
