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
    let axes: Shape = order == .convolution ? [rows, kernel, columns] : [kernel, columns, rows]
    if isAudited {
      for (name, shape) in storedParts(shape) { _ = try host(name, shape) }
      return backend.upload(HostTensor(zeros: axes, dtype: .f32))
    }
    if isNormalised {
      values = try floats(WeightNorm.direction, shape)
      factors = WeightNorm.factors(
        of: values, magnitudes: try floats(WeightNorm.magnitude, [rows, 1, 1]))
    } else {
      values = try floats(WeightNorm.folded, shape)
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
    return backend.upload(
      HostTensor(
        shape: axes, dtype: .f32, bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory))
  }

  /// The tensors that make up a weight.
  private func storedParts(_ shape: Shape) -> [(name: String, shape: Shape)] {
    guard isNormalised else { return [(WeightNorm.folded, shape)] }
    return [(WeightNorm.direction, shape), (WeightNorm.magnitude, [shape[0], 1, 1] as Shape)]
  }

  private var isNormalised: Bool {
    contains(WeightNorm.direction) || contains(WeightNorm.magnitude)
  }
}

/// A weight stored as directions and magnitudes of its rows.
public enum WeightNorm {
  public static let direction = "weight_v"
  public static let magnitude = "weight_g"
  /// What the two become.
  public static let folded = "weight"

  /// Directions [rows, ..] and magnitudes [rows, 1, ..] -> the weight, f32, in the shape of the directions.
  public static func fold(direction: HostTensor, magnitude: HostTensor) -> HostTensor {
    var values = direction.floats()
    let factors = factors(of: values, magnitudes: magnitude.floats())
    let width = factors.isEmpty ? 0 : values.count / factors.count
    for row in factors.indices {
      for place in row * width..<(row + 1) * width { values[place] *= factors[row] }
    }
    return HostTensor(copying: values, shape: direction.shape, dtype: .f32)
  }

  /// What each row of the directions is multiplied by.
  fileprivate static func factors(of directions: [Float], magnitudes: [Float]) -> [Float] {
    let width = magnitudes.isEmpty ? 0 : directions.count / magnitudes.count
    return directions.withUnsafeBufferPointer { directions in
      magnitudes.enumerated().map { row, magnitude in
        var square = 0.0
        for value in directions[row * width..<(row + 1) * width] {
          square += Double(value) * Double(value)
        }
        return Float(Double(magnitude) / square.squareRoot())
      }
    }
  }
}
