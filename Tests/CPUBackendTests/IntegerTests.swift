import CPUBackend
import ReferenceBackend
import Tensors
import TestSupport
import Testing

/// Backends of every kind of integer kernel this processor has, with 1, 2 and 3 threads.
private let variants: [(name: String, threads: [CPUBackend])] = SIMDLevel.allCases
  .filter(\.isSupported).flatMap { level in
    [false, true].map { dots in
      (
        "\(level)\(dots ? " with dot products" : "")",
        [1, 2, 3].map { try! CPUBackend(threads: $0, level: level, dotProducts: dots) }
      )
    }
  }

/// Whole numbers from -127 to 127 with one of 127 or -127 in each row: its scale is 1, and rounding changes nothing.
private func wholeNumbers(rows: Int, width: Int, seed: Int) -> [Float] {
  var values = noise(rows * width, seed: seed).map { max(-127, min(127, ($0 * 60).rounded())) }
  for row in 0..<rows where width > 0 {
    values[row * width + row % width] = row % 2 == 0 ? 127 : -127
  }
  return values
}

@Suite struct IntegerTests {
  /// Every sum is the exact integer, whatever the instructions, cuts and threads.
  @Test(arguments: [1, 2, 5, 6, 13, 14, 15, 29, 131])
  func sumsAreExact(rows: Int) {
    for (input, output) in [(1, 1), (3, 2), (4, 33), (5, 31), (63, 70), (130, 32), (257, 100)] {
      let x = wholeNumbers(rows: rows, width: input, seed: 1)
      let w = wholeNumbers(rows: output, width: input, seed: 2)
      let expected = (0..<rows).flatMap { row in
        (0..<output).map { out in
          Float((0..<input).reduce(0) { $0 + Int(x[row * input + $1]) * Int(w[out * input + $1]) })
        }
      }
      func product(_ backend: any Backend) -> [Float] {
        backend.tensor(x, [rows, input]).linear(
          backend.tensor(w, [output, input]).quantised(), precision: .int8
        ).floats()
      }
      #expect(product(reference) == expected, "reference")
      for (name, threads) in variants {
        for backend in threads {
          #expect(product(backend) == expected, "\(name): \(rows) x \(input) x \(output)")
        }
      }
    }
  }

  /// Rows are rounded once and serve every tap; what lies outside counts as zero.
  @Test func convolutionsAreExact() {
    let geometries = [
      Convolution1D.same(kernel: 3), .same(kernel: 3, dilation: 3), Convolution1D(stride: 2),
      Convolution1D(paddingBefore: 2), Convolution1D(stride: 3, dilation: 2, paddingAfter: 5),
    ]
    for geometry in geometries {
      for (length, input, output) in [(1, 5, 3), (17, 12, 40), (43, 33, 70)] {
        let x = wholeNumbers(rows: 2 * length, width: input, seed: 1)
        let w = wholeNumbers(rows: output, width: 3 * input, seed: 2)
        let rows = geometry.outputLength(length, kernel: 3)
        var expected: [Float] = []
        for entry in 0..<2 {
          for t in 0..<rows {
            for out in 0..<output {
              var sum = 0
              for k in 0..<3 {
                let place = t * geometry.stride + k * geometry.dilation - geometry.paddingBefore
                guard (0..<length).contains(place) else { continue }
                for c in 0..<input {
                  sum +=
                    Int(x[(entry * length + place) * input + c]) * Int(w[(out * 3 + k) * input + c])
                }
              }
              expected.append(Float(sum))
            }
          }
        }
        func product(_ backend: any Backend) -> [Float] {
          backend.tensor(x, [2, length, input]).conv1d(
            backend.tensor(w, [output, 3, input]).quantised(), geometry, precision: .int8
          ).floats()
        }
        #expect(product(reference) == expected, "reference: \(geometry)")
        for (name, threads) in variants {
          for backend in threads { #expect(product(backend) == expected, "\(name): \(geometry)") }
        }
      }
    }
  }

  /// The largest sums there can be: nothing saturates, nothing wraps.
  @Test func deepestSums() {
    let depth = 1 << 16
    for sign: Float in [127, -127] {
      let ones = [Float](repeating: 127, count: depth)
      let expected = Float(Int(sign) * 127 * depth)
      for (name, threads) in variants {
        let backend = threads[0]
        let found = backend.tensor(ones, [1, depth]).linear(
          backend.tensor(ones.map { _ in sign }, [1, depth]).quantised(), precision: .int8)
        #expect(found.floats() == [expected], "\(name)")
      }
    }
  }

  /// Weights are rounded to the same bytes and scales at every level, from every stored type.
  @Test(arguments: [DType.f32, .f16, .bf16, .i8])
  func weightsAreRoundedAlike(dtype: DType) {
    for shape in [[5, 7], [33, 64], [4, 3, 40], [3, 1], [0, 4], [2, 0]] as [Shape] {
      let expected = reference.stored(shape, dtype).quantised()
      for (name, threads) in variants {
        for backend in threads {
          let found = backend.stored(shape, dtype).quantised()
          #expect(found.shape == shape && found.dtype == .i8)
          #expect(found.floats() == expected.floats(), "\(name): \(shape) \(dtype)")
          #expect(found.scale?.tensor.floats() == expected.scale?.tensor.floats(), "\(name)")
        }
      }
    }
  }

  /// Halves go to the even neighbour; rows of zeros, of almost nothing and of what is no number.
  @Test func roundingOfOddRows() {
    let rows: [Float] = [127, 0.5, 1.5, -2.5, 0, 0, 0, 0, 1e-35, -1e-38, 0, 0]
    for backend in [reference] + variants.map({ $0.threads[0] as any Backend }) {
      let rounded = backend.tensor(rows, [3, 4]).quantised()
      #expect(
        rounded.floats() == [127, 0, 2, -2, 0, 0, 0, 0, 0, 0, 0, 0], "\(backend.name)")
      #expect(rounded.scale?.tensor.floats() == [1, 0, 0])

      let broken: [Float] = [1, 2, .nan, 3, 4, 5]
      let weight = backend.tensor([1, 2, 3, 4], [2, 2]).quantised()
      let found = backend.tensor(broken, [3, 2]).linear(weight, precision: .int8).floats()
      #expect(found[2].isNaN && found[3].isNaN, "\(backend.name)")
      #expect(!found[0].isNaN && !found[5].isNaN, "\(backend.name)")
    }
  }

  /// Real numbers with everything an epilogue can do. The sums are exact; what follows is single precision.
  @Test func epilogues() {
    let tolerance: Float = 1e-6
    func check(_ what: String, _ operation: (any Backend) -> Tensor) {
      let expected = operation(reference).floats()
      for (name, threads) in variants {
        let found = threads.map { operation($0).floats() }
        #expect(relativeErrors(found[0], expected).norm < tolerance, "\(name): \(what)")
        #expect(found.allSatisfy { $0 == found[0] }, "\(name): \(what): threads")
      }
    }
    for (rows, input, output) in [(3, 24, 33), (25, 100, 64), (71, 33, 130)] {
      for activation in Activation.allCases where activation != .exp {
        check("\(activation)") {
          $0.noise([rows, input]).linear(
            $0.stored([output, input], .bf16).quantised(), bias: $0.noise([output], seed: 3),
            epilogue: Epilogue(activation), precision: .int8)
        }
      }
      check("gated residual of a convolution") { backend in
        let index = backend.rowIndex((0..<2 * rows).map { $0 * 7 % 5 })
        return backend.noise([2, rows, input]).conv1d(
          backend.stored([output, 3, input], .f32).quantised(), .same(kernel: 3),
          epilogue: Epilogue(
            residual: backend.noise([2, rows, output], seed: 4),
            gate: backend.noise([5, 2 * output], seed: 6).chunk(1, of: 2).picking(rows: index)),
          precision: .int8)
      }
    }
  }

  /// Of two rounded normal operands the error is that of rounding: a step of about 3 / 127 of the standard
  /// deviation, uniformly, on both sides.
  @Test func closeToSinglePrecision() {
    let (x, weight) = (reference.noise([20, 512]), reference.stored([30, 512], .f32))
    let exact = x.linear(weight).floats()
    let rounded = x.linear(weight.quantised(), precision: .int8).floats()
    let error = relativeErrors(rounded, exact).norm
    #expect(error > 0.002 && error < 0.015, "\(error)")
  }

  @Test func workIsCounted() throws {
    let backend = try CPUBackend(threads: 1, level: .best)
    let before = backend.work.total
    let x = backend.noise([2, 5, 8])
    _ = x.linear(backend.noise([3, 8]))
    #expect(backend.work.total - before == .init(float: 2 * 10 * 8 * 3, int8: 0))
    _ = x.conv1d(
      backend.noise([3, 3, 8]).quantised(), .same(kernel: 3), precision: .int8)
    #expect(
      backend.work.total - before == .init(float: 2 * 10 * 8 * 3, int8: 2 * 10 * 3 * 8 * 3))
    let now = backend.work.total
    _ = x.view.attend(
      keys: x.view, values: x.view, heads: 2, keyLengths: [5, 2])
    #expect(backend.work.total - now == .init(float: 4 * 5 * 7 * 8, int8: 0))
  }
}
