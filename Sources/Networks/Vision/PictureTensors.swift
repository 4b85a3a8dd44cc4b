import Tensors

// Networks trained on pictures in -1...1 compute (level / 255 - 0.5) / 0.5, rounding at each step; so
// does the table below.

/// What each of the 256 levels becomes.
private let normalizedLevels = (0..<256).map { (Float($0) / 255 - 0.5) / 0.5 }

extension HostTensor {
  /// Pictures of packed red, green, blue levels, all `side` x `side` -> [pictures, side, side, 3] in
  /// -1...1.
  public static func normalizedPictures(_ pictures: [[UInt8]], side: Int) -> HostTensor {
    interleaved(pictures, together: 1, side: side)
  }

  /// An even number of pictures -> [pictures / 2, side, side, 6]: of each pair the earlier one's red,
  /// green and blue, then the later one's.
  public static func normalizedPairs(_ pictures: [[UInt8]], side: Int) -> HostTensor {
    interleaved(pictures, together: 2, side: side)
  }

  private static func interleaved(
    _ pictures: [[UInt8]], together: Int, side: Int
  ) -> HostTensor {
    let pixels = side * side
    precondition(
      pictures.count % together == 0 && pictures.allSatisfy { $0.count == 3 * pixels },
      "\(pictures.count) pictures, not all of \(side) x \(side) pixels")
    let shape: Shape = [pictures.count / together, side, side, 3 * together]
    let memory = HostMemory(size: shape.count * MemoryLayout<Float>.size)
    let floats = memory.bytes.bindMemory(to: Float.self)
    normalizedLevels.withUnsafeBufferPointer { levels in
      for (index, picture) in pictures.enumerated() {
        var place = index / together * together * 3 * pixels + index % together * 3
        picture.withUnsafeBufferPointer { picture in
          for pixel in 0..<pixels {
            for channel in 0..<3 {
              floats[place + channel] = levels[Int(picture[3 * pixel + channel])]
            }
            place += 3 * together
          }
        }
      }
    }
    return HostTensor(
      shape: shape, dtype: .f32, bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory)
  }
}
