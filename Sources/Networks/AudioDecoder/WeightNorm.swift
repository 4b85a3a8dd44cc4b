import Checkpoints
import Tensors

/// The order of the axes of a convolution's weight in a file, first to last.
enum StoredOrder {
  /// [out, in, kernel], which becomes [out, kernel, in].
  case convolution
  /// [in, out, kernel], which becomes [kernel, out, in].
  case transposed
}

extension Weights {
  /// The weight of a convolution, channels last. Where the file has `weight_g` and `weight_v` in place of
  /// `weight` (weight normalisation), they are multiplied out: `v * g / |v|`, the norm over all but the
  /// first axis.
  ///
  /// - Parameter shape: as stored, [rows, columns, kernel].
  func convolutionWeight(_ shape: Shape, _ order: StoredOrder) throws(CheckpointError) -> Tensor {
    let (rows, columns, kernel) = (shape[0], shape[1], shape[2])
    let width = columns * kernel
    let values: [Float]
    var factors = [Float](repeating: 1, count: rows)
    if contains("weight_v") || contains("weight_g") {
      values = try floats("weight_v", shape)
      factors = try floats("weight_g", [rows, 1, 1])
      values.withUnsafeBufferPointer { values in
        for row in 0..<rows {
          var square = 0.0
          for value in values[row * width..<(row + 1) * width] {
            square += Double(value) * Double(value)
          }
          factors[row] = Float(Double(factors[row]) / square.squareRoot())
        }
      }
    } else {
      values = try floats("weight", shape)
    }
    let memory = HostMemory(size: shape.count * MemoryLayout<Float>.size)
    let out = memory.bytes.bindMemory(to: Float.self)
    values.withUnsafeBufferPointer { values in
      switch order {
      case .convolution:
        for row in 0..<rows {
          for tap in 0..<kernel {
            let target = (row * kernel + tap) * columns
            for column in 0..<columns {
              out[target + column] = factors[row] * values[row * width + column * kernel + tap]
            }
          }
        }
      case .transposed:
        // A few rows at a time, so that what is written fills lines of the cache.
        for first in stride(from: 0, to: rows, by: 16) {
          for place in 0..<width {
            let target = (place % kernel * columns + place / kernel) * rows
            for row in first..<min(first + 16, rows) {
              out[target + row] = factors[row] * values[row * width + place]
            }
          }
        }
      }
    }
    let axes: Shape = order == .convolution ? [rows, kernel, columns] : [kernel, columns, rows]
    return backend.upload(
      HostTensor(
        shape: axes, dtype: .f32, bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory))
  }
}
