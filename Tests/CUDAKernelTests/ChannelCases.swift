import CUDAEmulation
import Tensors
import TestSupport

/// Convolutions that are no products, and rearrangements.
enum ChannelCases {
  private static func convolution(
    _ kernel: String, _ p: FoleyCudaConvolution, _ launched: FoleyCudaLaunch, _ out: Storage,
    expected: Tensor, keeping: [Operand]
  ) -> KernelCase {
    KernelCase(
      what: "\(kernel) to \(expected.shape), \(out)", expected: expected.floats(),
      tolerance: max(2e-6, out.tolerance)
    ) { variation in
      try withExtendedLifetime(keeping) {
        let result = Target(expected.shape.count, width: expected.channels, out)
        var p = p
        p.out = result.target
        try launch(kernel, p, launched, variation)
        return result.values
      }
    }
  }

  static func depthwise(
    batch: Int = 2, length: Int, channels: Int, kernel: Int, _ geometry: Convolution1D,
    _ storage: Storage = .f32, to out: Storage = .f32
  ) -> KernelCase {
    let x = Operand([batch, length, channels], storage)
    let weight = Operand([kernel, channels], seed: 2)
    let bias = Operand([channels], seed: 3)
    let expected = x.tensor.depthwiseConv1d(weight.tensor, bias: bias.tensor, geometry)
    var p = FoleyCudaConvolution()
    p.x = UnsafeRawPointer(x.memory.base)
    p.storage = storage.rawValue
    p.weight = weight.memory.vector
    p.bias = bias.memory.vector
    (p.batch, p.channels) = (Int32(batch), Int32(channels))
    (p.height, p.width, p.outHeight) = (1, Int32(length), 1)
    p.outWidth = Int32(expected.shape[1])
    (p.kernelHeight, p.kernelWidth) = (1, Int32(kernel))
    (p.strideY, p.strideX) = (1, Int32(geometry.stride))
    (p.dilationX, p.padX) = (Int32(geometry.dilation), Int32(geometry.paddingBefore))
    return convolution(
      "foley_depthwise", p, foley_cuda_launch_elements(Int64(expected.rows), Int64(channels)), out,
      expected: expected, keeping: [x, weight, bias])
  }

  static func depthwisePicture(
    height: Int, width: Int, channels: Int, kernel: (Int, Int), _ geometry: Convolution2D,
    _ activation: Activation
  ) -> KernelCase {
    let x = Operand([2, height, width, channels])
    let weight = Operand([kernel.0, kernel.1, channels], seed: 2)
    let expected = x.tensor.depthwiseConv2d(weight.tensor, geometry, activation: activation)
    var p = FoleyCudaConvolution()
    p.x = UnsafeRawPointer(x.memory.base)
    p.weight = weight.memory.vector
    (p.batch, p.channels) = (2, Int32(channels))
    (p.height, p.width) = (Int32(height), Int32(width))
    (p.outHeight, p.outWidth) = (Int32(expected.shape[1]), Int32(expected.shape[2]))
    (p.kernelHeight, p.kernelWidth) = (Int32(kernel.0), Int32(kernel.1))
    (p.strideY, p.strideX) = (Int32(geometry.stride), Int32(geometry.stride))
    p.dilationX = 1
    (p.padY, p.padX) = (Int32(geometry.paddingTop), Int32(geometry.paddingLeft))
    p.activation = activation.code
    return convolution(
      "foley_depthwise", p, foley_cuda_launch_elements(Int64(expected.rows), Int64(channels)), .f32,
      expected: expected, keeping: [x, weight])
  }

  static func grouped(
    length: Int, channels: Int, output: Int, kernel: Int, _ geometry: Convolution1D
  )
    -> KernelCase
  {
    let x = Operand([2, length, channels])
    let weight = Operand([output, kernel, channels / geometry.groups], seed: 2)
    let bias = Operand([output], seed: 3)
    let expected = x.tensor.conv1d(
      weight.tensor, bias: bias.tensor, geometry, epilogue: Epilogue(.silu))
    var p = FoleyCudaConvolution()
    p.x = UnsafeRawPointer(x.memory.base)
    p.weight = weight.memory.vector
    p.bias = bias.memory.vector
    (p.batch, p.channels, p.columns) = (2, Int32(channels), Int32(output))
    p.groups = Int32(geometry.groups)
    (p.height, p.width, p.outHeight) = (1, Int32(length), 1)
    p.outWidth = Int32(expected.shape[1])
    (p.kernelHeight, p.kernelWidth) = (1, Int32(kernel))
    (p.strideY, p.strideX) = (1, Int32(geometry.stride))
    (p.dilationX, p.padX) = (Int32(geometry.dilation), Int32(geometry.paddingBefore))
    p.activation = Activation.silu.code
    return convolution(
      "foley_grouped", p, foley_cuda_launch_elements(Int64(expected.rows), Int64(output)), .f32,
      expected: expected, keeping: [x, weight, bias])
  }

  static func average(batch: Int, places: Int, channels: Int, _ storage: Storage = .f32)
    -> KernelCase
  {
    let x = Operand([batch, places, channels], storage, offset: 1)
    var p = FoleyCudaConvolution()
    p.x = UnsafeRawPointer(x.memory.base)
    p.storage = storage.rawValue
    (p.batch, p.channels, p.width) = (Int32(batch), Int32(channels), Int32(places))
    return convolution(
      "foley_average", p, foley_cuda_launch_average(Int64(batch), Int64(channels)), .f32,
      expected: x.tensor.globalAveragePool(), keeping: [x])
  }

  // MARK: Rearrangement

  static func gather(
    _ storage: Storage, to out: Storage, table: Shape, columns: Range<Int>, rows: [Int]?
  ) -> KernelCase {
    // Whole numbers, so that bytes have more values than -1, 0 and 1.
    let x = Operand(table, storage, scale: 20)
    let scales = noise(table.rows, seed: 3)
    let index = rows.map { RowIndex($0) }
    let scaleMemory = EmulatedMemory(scales)
    let values = x.tensor.floats()
    let scaled =
      storage == .i8
      ? reference.tensor(values.indices.map { values[$0] * scales[$0 / table.channels] }, table)
      : x.tensor
    let expected = scaled.columns(columns).picking(rows: index?.tensor).copied()
    var p = FoleyCudaRearrangement()
    p.x = x.view(columns: columns, index: index?.memory)
    p.x.stride = Int64(table.channels)
    p.rowScales = storage == .i8 ? scaleMemory.vector : nil
    p.rows = Int64(expected.rows)
    p.columns = Int32(columns.count)
    p.entryRows = max(1, p.rows)
    p.outEntryRows = p.entryRows
    return KernelCase(
      what: "gather \(expected.shape), \(storage) to \(out)",
      expected: expected.floats().map { out.rounded($0) }, tolerance: 0
    ) { [p] variation in
      try withExtendedLifetime((x, index, scaleMemory)) {
        let result = Target(expected.shape.count, width: columns.count, out)
        var p = p
        p.out = result.target
        try launch(
          "foley_gather", p, foley_cuda_launch_elements(p.rows, Int64(p.columns)), variation)
        return result.values
      }
    }
  }

  /// Parts [batch, length, channels] joined along time, by one call for each.
  static func joinRows(batch: Int, lengths: [Int], channels: Int, _ storage: Storage) -> KernelCase
  {
    let parts = lengths.enumerated().map {
      Operand([batch, $1, 3 * channels], storage, seed: $0 + 1)
    }
    let columns = channels..<2 * channels
    let expected = concatenatedRows(parts.map { $0.tensor.columns(columns) })
    let total = lengths.reduce(0, +)
    return KernelCase(
      what: "rows \(lengths) of \(channels), \(storage)", expected: expected.floats(), tolerance: 0
    ) { variation in
      let result = Target(expected.shape.count, width: channels, storage)
      var first = 0
      for (part, length) in zip(parts, lengths) {
        var p = FoleyCudaRearrangement()
        p.x = part.view(columns: columns)
        p.out = result.target
        p.out.base += first * channels * storage.size
        p.rows = Int64(batch * length)
        p.columns = Int32(channels)
        (p.entryRows, p.outEntryRows) = (Int64(length), Int64(total))
        if p.rows > 0 {
          try launch(
            "foley_gather", p, foley_cuda_launch_elements(p.rows, Int64(p.columns)), variation)
        }
        first += length
      }
      return result.values
    }
  }

  static func joinColumns(rows: Int, widths: [Int]) -> KernelCase {
    let parts = widths.enumerated().map { Operand([rows, $1], seed: $0 + 1) }
    let expected = concatenatedColumns(parts.map(\.tensor.view))
    return KernelCase(
      what: "columns \(widths)", expected: expected.floats(), tolerance: 0
    ) { variation in
      let result = Target(expected.shape.count, width: expected.channels, .f32)
      var first = 0
      for (part, width) in zip(parts, widths) {
        var p = FoleyCudaRearrangement()
        p.x = part.view()
        p.out = result.target
        p.out.base += first * 4
        (p.rows, p.columns) = (Int64(rows), Int32(width))
        (p.entryRows, p.outEntryRows) = (Int64(rows), Int64(rows))
        try launch("foley_gather", p, foley_cuda_launch_elements(p.rows, Int64(width)), variation)
        first += width
      }
      return result.values
    }
  }

  static func transpose(_ shape: Shape, _ storage: Storage = .f32) -> KernelCase {
    let x = Operand(shape, storage)
    var p = FoleyCudaRearrangement()
    p.x = x.view()
    (p.batch, p.rows, p.columns) = (Int32(shape[0]), Int64(shape[1]), Int32(shape[2]))
    return KernelCase(
      what: "transpose \(shape), \(storage)", expected: x.tensor.transposed().floats(), tolerance: 0
    ) { [p] variation in
      try withExtendedLifetime(x) {
        let result = Target(shape.count, width: shape[1], storage)
        var p = p
        p.out = result.target
        try launch(
          "foley_transpose", p,
          foley_cuda_launch_transpose(Int64(shape[0]), Int64(shape[1]), Int64(shape[2])), variation)
        return result.values
      }
    }
  }
}
