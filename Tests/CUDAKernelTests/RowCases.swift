import CUDAEmulation
import Tensors
import TestSupport

/// Norms and elementwise kernels: rows of channels.
enum RowCases {
  static func elementwise(
    _ kernel: String, _ what: String, _ p: FoleyCudaElementwise, _ out: Storage, tolerance: Float,
    keeping: [EmulatedMemory], expected: Tensor
  ) -> KernelCase {
    KernelCase(
      what: "\(kernel) \(what)", expected: expected.floats(),
      tolerance: max(tolerance, out.tolerance)
    ) { variation in
      try withExtendedLifetime(keeping) {
        let result = Target(expected.shape.count, width: expected.channels, out)
        var p = p
        p.out = result.target
        p.rows = Int64(expected.rows)
        p.columns = Int32(expected.channels)
        try launch(kernel, p, foley_cuda_launch_elements(p.rows, Int64(p.columns)), variation)
        return result.values
      }
    }
  }

  static func activation(
    _ activation: Activation, rows: Int, width: Int, _ storage: Storage, to out: Storage,
    gated: Bool = false
  ) -> KernelCase {
    let x = Operand([rows, gated ? 2 * width : width], storage, scale: 3)
    var p = FoleyCudaElementwise()
    p.x = x.view()
    p.activation = activation.code
    return elementwise(
      gated ? "foley_gated_activation" : "foley_activate",
      "\(activation) \(rows) x \(width), \(storage) to \(out)", p, out, tolerance: 1e-6,
      keeping: [x.memory],
      expected: gated ? x.tensor.gated(activation) : x.tensor.activated(activation))
  }

  static func snake(rows: Int, width: Int, _ storage: Storage, scale: Float = 5) -> KernelCase {
    let (x, alpha) = (Operand([rows, width], storage, scale: scale), Operand([width], seed: 2))
    let beta = Operand(noise(width, seed: 3).map { $0 * $0 + 0.3 }, [width])
    var p = FoleyCudaElementwise()
    p.x = x.view()
    p.alpha = alpha.memory.vector
    p.beta = beta.memory.vector
    return elementwise(
      "foley_snake", "\(rows) x \(width), \(storage), scale \(scale)", p, storage,
      // The product with alpha is rounded, and the sine takes it as it is.
      tolerance: max(2e-6, scale * 1e-7), keeping: [x.memory, alpha.memory, beta.memory],
      expected: x.tensor.snake(alpha: alpha.tensor, beta: beta.tensor))
  }

  enum Other: CaseIterable { case oneRow, allRows, picked }

  /// Operations with a second operand that may serve all rows.
  static func pairs(
    rows: Int, width: Int, _ other: Other, x storageOfX: Storage, y storageOfY: Storage,
    out: Storage
  ) -> [KernelCase] {
    let (x, residual) = (Operand([rows, width], storageOfX), Operand([rows, width], seed: 4))
    // A third of a wider matrix.
    let table = Operand(
      [other == .allRows ? rows : other == .oneRow ? 1 : 3, 3 * width], storageOfY, seed: 2)
    let index = other == .picked ? RowIndex((0..<rows).map { $0 * 7 % 3 }) : nil
    let columns = width..<2 * width
    let y = table.tensor.columns(columns).picking(rows: index?.tensor)
    var p = FoleyCudaElementwise()
    p.x = x.view()
    p.y = table.view(columns: columns, index: index?.memory)
    p.residual = residual.view()
    p.a = 0.3
    p.b = -1.7
    let what = "\(rows) x \(width), \(other), \(storageOfX) \(storageOfY) to \(out)"
    let keeping = [x.memory, residual.memory, table.memory] + (index.map { [$0.memory] } ?? [])
    func one(_ kernel: String, _ expected: Tensor) -> KernelCase {
      elementwise(kernel, what, p, out, tolerance: 1e-6, keeping: keeping, expected: expected)
    }
    return [
      one("foley_combine", x.tensor.combined(0.3, with: y, -1.7)),
      one("foley_multiply", x.tensor.multiplied(by: y)),
      one("foley_gated_residual", residual.tensor.adding(x.tensor, gate: y)),
      one("foley_affine", x.tensor * 0.3 + -1.7),
    ]
  }

  static func layerNorm(
    rows: Int, width: Int, _ storage: Storage = .f32, to out: Storage = .f32, weights: Bool = false,
    modulation: Other? = nil, offset: Float = 0, tolerance: Float = 2e-6
  ) -> KernelCase {
    let x = Operand([rows, width], storage, offset: offset)
    let (weight, bias) = (Operand([width], seed: 2), Operand([width], seed: 3))
    let table = Operand(
      [modulation == .oneRow ? 1 : modulation == .picked ? 2 : rows, 2 * width], seed: 5)
    let index = modulation == .picked ? RowIndex((0..<rows).map { $0 % 2 }) : nil
    var p = FoleyCudaNormalization()
    p.x = x.view()
    p.rows = Int64(rows)
    p.columns = Int32(width)
    p.epsilon = 1e-5
    if weights {
      p.weight = weight.memory.vector
      p.bias = bias.memory.vector
    }
    if modulation != nil {
      p.shift = table.view(columns: 0..<width, index: index?.memory)
      p.scale = table.view(columns: width..<2 * width, index: index?.memory)
    }
    func part(_ columns: Range<Int>) -> View? {
      modulation == nil ? nil : table.tensor.columns(columns).picking(rows: index?.tensor)
    }
    let expected = x.tensor.layerNorm(
      weight: weights ? weight.tensor : nil, bias: weights ? bias.tensor : nil, epsilon: 1e-5,
      shift: part(0..<width), scale: part(width..<2 * width))
    let keeping = (x, weight, bias, table, index)
    return KernelCase(
      what: "layer norm \(rows) x \(width), \(storage) to \(out)", expected: expected.floats(),
      tolerance: max(tolerance, out.tolerance)
    ) { [p] variation in
      try withExtendedLifetime(keeping) {
        let result = Target(rows * width, width: width, out)
        var p = p
        p.out = result.target
        try launch("foley_layer_norm", p, foley_cuda_launch_rows(p.rows), variation)
        return result.values
      }
    }
  }

  /// Of the middle third of a packed projection.
  static func headNorm(
    rows: Int, heads: Int, depth: Int, positions: Int?, _ storage: Storage = .f32,
    to out: Storage = .f32, weight hasWeight: Bool = true, picking: [Int]? = nil
  ) -> KernelCase {
    let width = heads * depth
    let x = Operand([rows, 3 * width], storage)
    let weight = Operand([depth], seed: 4)
    let index = picking.map { RowIndex($0) }
    let count = picking?.count ?? rows
    let cosines = Operand([positions ?? 1, depth / 2], seed: 6)
    let sines = Operand([positions ?? 1, depth / 2], seed: 7)
    let expected = x.tensor.columns(width..<2 * width).picking(rows: index?.tensor).rmsNormRotary(
      heads: heads, weight: hasWeight ? weight.tensor : nil, epsilon: 1e-6,
      rotary: positions.map { _ in RotaryTable(cosines: cosines.tensor, sines: sines.tensor) })
    var p = FoleyCudaNormalization()
    p.x = x.view(columns: width..<2 * width, index: index?.memory)
    p.rows = Int64(count)
    p.columns = Int32(width)
    p.heads = Int32(heads)
    p.epsilon = 1e-6
    if hasWeight { p.weight = weight.memory.vector }
    if let positions {
      p.positions = Int32(positions)
      p.cosines = cosines.memory.vector
      p.sines = sines.memory.vector
    }
    let keeping = (x, weight, cosines, sines, index)
    return KernelCase(
      what: "head norm \(count) x \(heads) x \(depth), \(storage) to \(out)",
      expected: expected.floats(), tolerance: max(1e-6, out.tolerance)
    ) { [p] variation in
      try withExtendedLifetime(keeping) {
        let result = Target(count * width, width: width, out)
        var p = p
        p.out = result.target
        try launch(
          "foley_rms_norm_rotary", p, foley_cuda_launch_heads(p.rows, p.heads), variation)
        return result.values
      }
    }
  }

  static func softmax(rows: Int, width: Int, scale: Float = 4, _ storage: Storage = .f32)
    -> KernelCase
  {
    let x = Operand([rows, width], storage, scale: scale)
    var p = FoleyCudaNormalization()
    p.x = x.view()
    p.rows = Int64(rows)
    p.columns = Int32(width)
    return KernelCase(
      what: "softmax \(rows) x \(width), scale \(scale)", expected: x.tensor.softmax().floats(),
      tolerance: max(2e-6, storage.tolerance)
    ) { [p] variation in
      try withExtendedLifetime(x) {
        let result = Target(rows * width, width: width, storage)
        var p = p
        p.out = result.target
        try launch("foley_softmax", p, foley_cuda_launch_rows(p.rows), variation)
        return result.values
      }
    }
  }
}
