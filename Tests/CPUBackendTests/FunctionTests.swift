import CPUBackend
import Foundation
import Tensors
import TestSupport
import Testing

/// Elementary functions over their whole range, against Foundation in double precision.
@Suite struct FunctionTests {
  /// Relative error, or absolute where the exact value is below `floor`.
  private func check(
    _ activation: Activation, _ range: ClosedRange<Float>, tolerance: Double, floor: Double,
    _ exact: (Double) -> Double
  ) {
    let count = 20_001
    let inputs = (0..<count).map {
      range.lowerBound + (range.upperBound - range.lowerBound) * Float($0) / Float(count - 1)
    }
    for (level, variants) in backends {
      let found = variants[0].tensor(inputs, [count]).activated(activation).floats()
      var worst = (error: 0.0, at: Float(0))
      for (x, y) in zip(inputs, found) {
        let expected = exact(Double(x))
        let error = abs(Double(y) - expected) / max(abs(expected), floor)
        if !(error <= worst.error) { worst = (error, x) }
      }
      #expect(worst.error <= tolerance, "\(level) \(activation) at \(worst.at)")
    }
  }

  @Test func exponential() {
    check(.exp, -87...88.7, tolerance: 2.5e-7, floor: 0) { exp($0) }
    // Below the normal range results fade out: absolute error only.
    check(.exp, -104...(-87), tolerance: 3e-7, floor: 1.2e-38) { exp($0) }
  }

  @Test func sigmoids() {
    check(.sigmoid, -80...80, tolerance: 3e-7, floor: 0) { 1 / (1 + exp(-$0)) }
    check(.silu, -80...80, tolerance: 4e-7, floor: 1e-30) { $0 / (1 + exp(-$0)) }
  }

  @Test func hyperbolicTangent() {
    check(.tanh, -12...12, tolerance: 2.5e-7, floor: 1e-30) { tanh($0) }
    check(.tanh, -0.01...0.01, tolerance: 2.5e-7, floor: 1e-30) { tanh($0) }
  }

  @Test func gelu() {
    // The argument of the exponential is rounded: its error grows with the square of x.
    check(.geluErf, -5...5, tolerance: 1.5e-6, floor: 1e-30) {
      0.5 * $0 * erfc(-$0 / 2.squareRoot())
    }
    check(.geluErf, -14...14, tolerance: 1e-7, floor: 1) { 0.5 * $0 * erfc(-$0 / 2.squareRoot()) }
    check(.geluTanh, -4...5, tolerance: 4e-6, floor: 1e-30) {
      $0 / (1 + exp(-2 * (2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
    }
    check(.geluTanh, -20...20, tolerance: 2e-7, floor: 1) {
      $0 / (1 + exp(-2 * (2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
    }
  }

  @Test func squaredSine() {
    for scale in [1, 30, 5_000, 100_000] as [Float] {
      let inputs = (0..<20_000).map { scale * (Float($0) / 10_000 - 1) }
      for (level, variants) in backends {
        let backend = variants[0]
        let zero = backend.tensor([Float](repeating: 0, count: 1), [1])
        // x + sin²(x) / (0 + 1e-9) is dominated by the sine; x itself is below its last digit.
        let found = backend.tensor(inputs, [20_000, 1]).snake(
          alpha: backend.tensor([1], [1]), beta: zero + 1)
        let worst = zip(inputs, found.floats()).map { x, y in
          let exact = Double(x) + sin(Double(x)) * sin(Double(x)) / (1 + 1e-9)
          return abs(Double(y) - exact) / max(1, abs(exact))
        }.max()!
        #expect(worst <= 2.5e-7, "\(level) up to \(scale)")
      }
    }
  }

  @Test func specialValues() {
    let inputs: [Float] = [.nan, .infinity, -.infinity, 0, -0.0]
    func results(_ activation: Activation) -> [[Float]] {
      backends.map { $0.threads[0].tensor(inputs, [5]).activated(activation).floats() }
    }
    for y in results(.exp) { #expect(y[0].isNaN && y[1] == .infinity && y[2] == 0 && y[3] == 1) }
    for y in results(.sigmoid) { #expect(y[0].isNaN && y[1] == 1 && y[2] == 0 && y[3] == 0.5) }
    for y in results(.tanh) {
      #expect(y[0].isNaN && y[1] == 1 && y[2] == -1 && y[3] == 0)
      #expect(y[4].sign == .minus)
    }
    for y in results(.relu) { #expect(y[0].isNaN && y[1] == .infinity && y[2] == 0) }
    for y in results(.relu6) { #expect(y[0].isNaN && y[1] == 6 && y[2] == 0) }
    for y in results(.geluErf) { #expect(y[0].isNaN && y[1] == .infinity && y[3] == 0) }
    for y in results(.geluTanh) { #expect(y[0].isNaN && y[1] == .infinity && y[3] == 0) }
    for y in results(.silu) { #expect(y[0].isNaN && y[1] == .infinity && y[3] == 0) }
  }

  @Test func notANumberReachesTheResult() {
    // One NaN spoils its row and no other.
    var elements = noise(20 * 40)
    elements[7 * 40 + 35] = .nan
    for (level, variants) in backends {
      let x = variants[1].tensor(elements, [20, 40])
      let weight = variants[1].noise([33, 40], seed: 2)
      for y in [
        x.linear(weight), x.softmax(), x.layerNorm(epsilon: 1e-5),
        x.view.attend(
          keys: weight.view, values: weight.view, heads: 1),
      ] {
        let values = y.floats()
        for row in 0..<20 {
          let spoiled = values[row * y.channels..<(row + 1) * y.channels].contains { $0.isNaN }
          #expect(spoiled == (row == 7), "\(level), row \(row) of \(y.shape)")
        }
      }
    }
  }
}
