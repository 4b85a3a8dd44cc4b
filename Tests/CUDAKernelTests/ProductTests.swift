import Tensors
import Testing

@Suite struct ProductTests {
  @Test(arguments: ProductCase.Numbers.allCases) func matrices(numbers: ProductCase.Numbers) {
    for kernel in [ProductCase.Kernel.small, .large] {
      // Less than a slice of the depth, less than a tile; more than one of everything, with odd rests.
      for (rows, input, output) in [(1, 8, 1), (5, 40, 12), (64, 64, 64), (131, 104, 133)] {
        ProductCase(
          numbers: numbers, kernel: kernel, length: rows, input: input, output: output, bias: true
        ).made().check()
      }
    }
    // Whole tiles: nothing is outside anywhere.
    ProductCase(numbers: numbers, kernel: .large, length: 128, input: 96, output: 128).made()
      .check()
    ProductCase(numbers: numbers, kernel: .large, batch: 3, length: 50, input: 32, output: 70)
      .made().check()
  }

  @Test(arguments: ProductCase.Numbers.allCases) func guardedMatrices(numbers: ProductCase.Numbers)
  {
    for (rows, input, output) in [(1, 1, 1), (7, 3, 5), (70, 37, 66), (64, 64, 64)] {
      ProductCase(
        numbers: numbers, kernel: .guarded, length: rows, input: input, output: output, bias: true
      ).made().check()
    }
    // Rows that begin at odd places.
    ProductCase(
      numbers: numbers, kernel: .guarded, length: 9, input: 16, output: 10, inputStride: 21
    ).made().check()
  }

  /// What is no number in one row must not reach another, though a slice of the depth ends past its row.
  @Test(arguments: ProductCase.Numbers.allCases) func spoiltRow(numbers: ProductCase.Numbers) {
    for kernel in [ProductCase.Kernel.small, .large, .guarded] {
      ProductCase(numbers: numbers, kernel: kernel, length: 9, input: 40, output: 7, spoiltRow: 4)
        .made().check()
      ProductCase(
        numbers: numbers, kernel: kernel, batch: 2, length: 9, input: 8, output: 7,
        taps: (3, .same(kernel: 3)), spoiltRow: 9
      ).made().check()
      ProductCase(numbers: numbers, kernel: kernel, input: 8, output: 5, spoiltRow: 28)
        .picture(height: 8, width: 5, kernel: (3, 3), Convolution2D(padding: 1)).check()
    }
  }

  @Test func partOfWiderRows() {
    ProductCase(kernel: .small, length: 20, input: 24, output: 16, inputStride: 40).made().check()
  }

  @Test func manyTiles() {
    // More than one band of tiles.
    ProductCase(kernel: .small, length: 64 * 9 + 5, input: 8, output: 130).made().check()
  }

  @Test(arguments: Activation.allCases) func epilogues(activation: Activation) {
    for output in [12, 13] {
      ProductCase(length: 9, input: 16, output: output, activation: activation).made().check()
    }
    ProductCase(
      length: 9, input: 16, output: 16, bias: true, activation: activation, residual: .f32,
      gate: .oneRow, out: .bf16
    ).made().check()
    ProductCase(
      numbers: .f32, length: 9, input: 16, output: 18, bias: true, activation: activation,
      residual: .bf16, gate: .picked, snake: true
    ).made().check()
  }

  @Test func residualsOfBothTypes() {
    for (residual, out) in [
      (Storage.f32, Storage.f32), (.bf16, .bf16), (.f32, .bf16), (.bf16, .f32),
    ] {
      ProductCase(kernel: .large, length: 70, input: 16, output: 72, residual: residual, out: out)
        .made().check()
    }
  }

  @Test func partsOfTheDepth() {
    for splits: Int32 in [2, 3, 8] {
      ProductCase(
        kernel: .small, length: 30, input: 136, output: 40, bias: true, activation: .silu,
        residual: .f32, gate: .oneRow, splits: splits
      ).made().check()
      ProductCase(
        kernel: .large, length: 30, input: 136, output: 41, bias: true, out: .bf16, splits: splits
      ).made().check()
    }
    // More parts than slices.
    ProductCase(kernel: .small, length: 3, input: 40, output: 4, splits: 4).made().check()
  }

  @Test func fewRows() {
    for (rows, input, output) in [
      (1, 8, 1), (1, 256, 20), (7, 136, 13), (16, 1000, 24), (9, 40, 8),
    ] {
      ProductCase(
        kernel: .fewRows, length: rows, input: input, output: output, bias: true, activation: .silu
      ).made().check()
    }
    ProductCase(
      kernel: .fewRows, length: 2, input: 64, output: 16, residual: .f32, gate: .oneRow, out: .bf16
    ).made().check()
  }

  @Test(arguments: ProductCase.Numbers.allCases) func convolutions(numbers: ProductCase.Numbers) {
    for (kernel, geometry, input) in [
      (3, Convolution1D.same(kernel: 3), 24), (7, .same(kernel: 7, dilation: 3), 16),
      (4, Convolution1D(stride: 2, paddingBefore: 1, paddingAfter: 2), 8),
      (2, Convolution1D(paddingBefore: 5), 32),
    ] {
      ProductCase(
        numbers: numbers, kernel: .small, batch: 2, length: 37, input: input, output: 20,
        taps: (kernel, geometry), bias: true
      ).made().check()
      ProductCase(
        numbers: numbers, kernel: .guarded, batch: 2, length: 21, input: input - 3, output: 9,
        taps: (kernel, geometry)
      ).made().check()
    }
    ProductCase(
      numbers: numbers, kernel: .large, batch: 3, length: 50, input: 16, output: 70,
      taps: (3, .same(kernel: 3)), residual: .f32, gate: .picked
    ).made().check()
    // One channel, as at the start of an encoder; and one to come, as at the end of a decoder.
    ProductCase(
      numbers: numbers, kernel: .guarded, length: 50, input: 1, output: 16,
      taps: (7, .same(kernel: 7))
    ).made().check()
    ProductCase(
      numbers: numbers, kernel: .small, length: 50, input: 64, output: 1,
      taps: (7, .same(kernel: 7)), bias: true, activation: .tanh
    ).made().check()
  }

  @Test func convolutionInParts() {
    ProductCase(
      batch: 2, length: 20, input: 40, output: 24, taps: (3, .same(kernel: 3)), residual: .f32,
      splits: 4
    ).made().check()
  }

  @Test(arguments: ProductCase.Numbers.allCases) func transposed(numbers: ProductCase.Numbers) {
    for (kernel, geometry) in [
      (4, TransposedConvolution1D(stride: 2, padding: 2)), (6, .init(stride: 3, padding: 1)),
      (10, .init(stride: 5, padding: 5)), (3, .init(stride: 1)),
      (5, .init(stride: 3, padding: 2, outputPadding: 1)), (2, .init(stride: 4, padding: 1)),
    ] {
      ProductCase(
        numbers: numbers, kernel: .small, batch: 2, length: 15, input: 16, output: 10, bias: true
      ).transposed(kernel: kernel, geometry).check()
    }
    ProductCase(numbers: numbers, kernel: .guarded, length: 4, input: 5, output: 3)
      .transposed(kernel: 4, TransposedConvolution1D(stride: 2, padding: 1)).check()
    ProductCase(numbers: numbers, kernel: .large, length: 70, input: 8, output: 72)
      .transposed(kernel: 4, TransposedConvolution1D(stride: 2, padding: 2)).check()
  }

  @Test func pictures() {
    let padded = Convolution2D(
      stride: 2, paddingTop: 0, paddingLeft: 1, paddingBottom: 1, paddingRight: 0)
    ProductCase(kernel: .guarded, batch: 2, input: 3, output: 10, bias: true, activation: .relu6)
      .picture(height: 11, width: 9, kernel: (3, 3), padded).check()
    ProductCase(kernel: .small, batch: 2, input: 8, output: 10)
      .picture(height: 7, width: 9, kernel: (3, 2), Convolution2D(padding: 1)).check()
    // Patches: a line of a patch is one tap of 4 * 6 channels.
    ProductCase(kernel: .small, batch: 2, input: 6, output: 16, bias: true)
      .picture(height: 8, width: 12, kernel: (4, 4), Convolution2D(stride: 4), joined: true).check()
    // They may overlap, and begin anywhere.
    ProductCase(kernel: .guarded, input: 1, output: 8)
      .picture(height: 14, width: 17, kernel: (6, 6), Convolution2D(stride: 4), joined: true)
      .check()
  }
}
