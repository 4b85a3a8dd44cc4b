import CKernels

/// Which inputs make each output along one side of a picture, and with which weights.
struct ResampleTaps: Sendable {
  /// Outputs.
  let count: Int
  /// Weights kept for each output: enough for all, a multiple of 4, zeros past an output's last tap.
  let stride: Int
  /// First input of each output; never decreases.
  let first: [Int32]
  /// Inputs of each output, at least 1.
  let lengths: [Int]
  /// [count][stride], fixed point.
  let weights: [Int32]
  let fractionBits: Int

  /// - Parameters:
  ///   - input, output: pixels of the whole side, before and after.
  ///   - kept: the outputs that are wanted.
  init(_ filter: ResampleFilter, from input: Int, to output: Int, keeping kept: Range<Int>) {
    precondition(input > 0 && kept.lowerBound >= 0 && kept.upperBound <= output)
    let scale = Double(input) / Double(output)
    let widening = max(scale, 1)
    let support = filter.support * widening
    let inverse = 1 / widening

    // The order of these operations is that of the libraries, for the sake of the last bit.
    func taps(_ index: Int) -> (first: Int, weights: [Double]) {
      let centre = (Double(index) + 0.5) * scale
      let first = max(0, Int(centre - support + 0.5))
      let end = min(input, Int(centre + support + 0.5))
      var weights = (first..<end).map { filter((Double($0) - centre + 0.5) * inverse) }
      let sum = weights.reduce(0, +)
      if sum != 0 { for tap in weights.indices { weights[tap] /= sum } }
      return (first, weights)
    }

    // The number of bits depends on all outputs, also on those that are cut off.
    let largest =
      switch filter {
      case .pillowBilinear: 1.0
      case .torchBicubic: (0..<output).reduce(0.0) { max($0, taps($1).weights.max() ?? 0) }
      }
    fractionBits = filter.fractionBits(largest: largest)
    let one = Double(1 << fractionBits)
    let rows = kept.map(taps)
    count = rows.count
    stride = ((rows.map(\.weights.count).max() ?? 0) + 3) / 4 * 4
    first = rows.map { Int32($0.first) }
    lengths = rows.map(\.weights.count)
    var table = [Int32](repeating: 0, count: count * stride)
    for (row, (_, weights)) in rows.enumerated() {
      for (tap, weight) in weights.enumerated() {
        table[row * stride + tap] = Int32(weight * one + (weight < 0 ? -0.5 : 0.5))
      }
    }
    weights = table
  }

  /// The inputs that are read at all.
  var inputs: Range<Int> {
    guard let first = first.first, let last = self.first.last, let length = lengths.last else {
      return 0..<0
    }
    return Int(first)..<Int(last) + length
  }

  /// Calls `body` with the tables as the kernels read them.
  func withKernelTaps<Result>(_ body: (UnsafePointer<FoleyTaps>) -> Result) -> Result {
    first.withUnsafeBufferPointer { first in
      weights.withUnsafeBufferPointer { weights in
        let taps = FoleyTaps(
          outputs: count, taps: stride, first: first.baseAddress!, weights: weights.baseAddress!,
          bits: Int32(fractionBits))
        return withUnsafePointer(to: taps, body)
      }
    }
  }
}
