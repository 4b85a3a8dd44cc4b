/// An 8-bit picture in the analyser's working sizes.
struct Plane: Sendable {
  var width: Int
  var height: Int
  var pixels: [UInt8]

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    pixels = [UInt8](repeating: 0, count: width * height)
  }

  init(width: Int, height: Int, pixels: [UInt8]) {
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// Means of `factor` x `factor` pixels; what is left over at the right and the bottom is dropped.
  func reduced(by factor: Int) -> Plane {
    if factor == 1 { return self }
    var result = Plane(width: width / factor, height: height / factor)
    let area = factor * factor
    pixels.withUnsafeBufferPointer { source in
      result.pixels.withUnsafeMutableBufferPointer { target in
        var place = 0
        for y in 0..<height / factor {
          for x in 0..<width / factor {
            var sum = area / 2
            for row in 0..<factor {
              let start = (y &* factor &+ row) &* width &+ x &* factor
              for column in 0..<factor { sum &+= Int(source[start &+ column]) }
            }
            target[place] = UInt8(truncatingIfNeeded: sum / area)
            place &+= 1
          }
        }
      }
    }
    return result
  }

  /// Means of 2 x 2 pixels: `reduced(by: 2)`, in whole vectors where they fit.
  func halved() -> Plane {
    var result = Plane(width: width / 2, height: height / 2)
    let (width, halfWidth) = (width, width / 2)
    pixels.withUnsafeBytes { source in
      result.pixels.withUnsafeMutableBytes { target in
        for y in 0..<result.height {
          let top = source.baseAddress! + 2 &* y &* width
          let bottom = top + width
          let out = target.baseAddress! + y &* halfWidth
          var x = 0
          while x &+ 8 <= halfWidth {
            let a = (top + 2 &* x).loadUnaligned(as: SIMD16<UInt8>.self)
            let b = (bottom + 2 &* x).loadUnaligned(as: SIMD16<UInt8>.self)
            let sum =
              SIMD8<UInt16>(truncatingIfNeeded: a.evenHalf)
              &+ SIMD8<UInt16>(truncatingIfNeeded: a.oddHalf)
              &+ SIMD8<UInt16>(truncatingIfNeeded: b.evenHalf)
              &+ SIMD8<UInt16>(truncatingIfNeeded: b.oddHalf) &+ 2
            let mean = SIMD8<UInt8>(truncatingIfNeeded: sum &>> 2)
            (out + x).storeBytes(of: mean, as: SIMD8<UInt8>.self)
            x &+= 8
          }
          while x < halfWidth {
            var sum: Int = 2
            for offset in 0..<2 {
              sum &+= Int((top + (2 &* x &+ offset)).load(as: UInt8.self))
              sum &+= Int((bottom + (2 &* x &+ offset)).load(as: UInt8.self))
            }
            (out + x).storeBytes(of: UInt8(truncatingIfNeeded: sum >> 2), as: UInt8.self)
            x &+= 1
          }
        }
      }
    }
    return result
  }
}
