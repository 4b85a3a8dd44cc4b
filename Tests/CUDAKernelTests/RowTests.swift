import Tensors
import Testing

@Suite struct RowTests {
  @Test(arguments: Activation.allCases) func activations(activation: Activation) {
    for (width, storage, out) in [
      (8, Storage.f32, Storage.f32), (7, .bf16, .f32), (12, .f32, .bf16), (1, .bf16, .bf16),
    ] {
      RowCases.activation(activation, rows: 5, width: width, storage, to: out).check()
      RowCases.activation(activation, rows: 5, width: width, storage, to: out, gated: true).check()
    }
    RowCases.activation(activation, rows: 70, width: 36, .f32, to: .f32).check()
  }

  @Test func snake() {
    for width in [1, 3, 64, 130] { RowCases.snake(rows: 9, width: width, .f32).check() }
    RowCases.snake(rows: 9, width: 16, .bf16).check()
    RowCases.snake(rows: 3, width: 16, .f32, scale: 40_000).check()
  }

  @Test(arguments: RowCases.Other.allCases) func combinations(other: RowCases.Other) {
    for (width, x, y, out) in [
      (8, Storage.f32, Storage.f32, Storage.f32), (13, .bf16, .f32, .bf16),
      (20, .bf16, .bf16, .f32),
    ] {
      for one in RowCases.pairs(rows: 30, width: width, other, x: x, y: y, out: out) { one.check() }
    }
  }

  @Test func layerNorm() {
    for width in [1, 4, 7, 100, 257] {
      RowCases.layerNorm(rows: 6, width: width, weights: true).check()
    }
    RowCases.layerNorm(rows: 9, width: 40, .bf16, to: .bf16, modulation: .oneRow).check()
    RowCases.layerNorm(rows: 9, width: 40, to: .bf16, modulation: .picked).check()
    RowCases.layerNorm(rows: 9, width: 39, weights: true, modulation: .allRows).check()
    // The mean is a thousand times the spread: a variance by squares of x would have no digits left.
    RowCases.layerNorm(rows: 3, width: 256, offset: 1000, tolerance: 1e-4).check()
  }

  @Test func headNorm() {
    for depth in [2, 6, 32, 64, 80, 128] {
      RowCases.headNorm(rows: 10, heads: 2, depth: depth, positions: 5).check()
      RowCases.headNorm(rows: 5, heads: 3, depth: depth, positions: nil, weight: false).check()
    }
    RowCases.headNorm(rows: 10, heads: 2, depth: 128, positions: 10, .bf16, to: .bf16).check()
    RowCases.headNorm(rows: 20, heads: 3, depth: 15, positions: nil, picking: [3, 19, 3, 0]).check()
  }

  @Test func softmax() {
    for width in [1, 5, 32, 100] { RowCases.softmax(rows: 6, width: width).check() }
    RowCases.softmax(rows: 5, width: 50, scale: 300).check()
    RowCases.softmax(rows: 5, width: 50, .bf16).check()
  }
}
