/// A frame in the three sizes the analyser works in.
struct PreparedFrame: Sendable {
  let time: Double
  let full: Plane
  let half: Plane
  let quarter: Plane
  /// Mean grey level.
  let mean: Float

  init(_ frame: GrayFrame) {
    // About 160 wide, whatever comes.
    let factor = max(1, (frame.width + 80) / 160)
    let plane = Plane(width: frame.width, height: frame.height, pixels: frame.pixels)
    self.init(time: frame.time, full: plane.reduced(by: factor))
  }

  init(time: Double, full: Plane) {
    self.time = time
    self.full = full
    half = full.halved()
    quarter = half.halved()
    mean =
      Float(quarter.pixels.reduce(0) { $0 &+ Int($1) }) / Float(max(quarter.pixels.count, 1))
  }

  /// The same picture at another time.
  init(_ frame: PreparedFrame, time: Double) {
    self.time = time
    full = frame.full
    half = frame.half
    quarter = frame.quarter
    mean = frame.mean
  }

  /// Mean absolute difference in the half picture, grey levels.
  func difference(from other: PreparedFrame) -> Float {
    guard half.pixels.count == other.half.pixels.count else { return 255 }
    var sum = 0
    half.pixels.withUnsafeBufferPointer { a in
      other.half.pixels.withUnsafeBufferPointer { b in
        for index in a.indices { sum &+= abs(Int(a[index]) &- Int(b[index])) }
      }
    }
    return Float(sum) / Float(max(half.pixels.count, 1))
  }

  /// This frame as the camera of the next frame sees it: shifted and relit.
  func compensated(_ motion: CameraMotion) -> PreparedFrame {
    if !motion.moves && !motion.relights { return self }
    var relit = full
    if motion.relights {
      var table = [UInt8](repeating: 0, count: 256)
      for value in 0..<256 {
        table[value] = UInt8(
          max(0, min(255, (motion.gain * Float(value) + motion.offset).rounded())))
      }
      relit.pixels.withUnsafeMutableBufferPointer { pixels in
        for index in pixels.indices { pixels[index] = table[Int(pixels[index])] }
      }
    }
    return PreparedFrame(time: time, full: motion.moves ? relit.shifted(motion.x, motion.y) : relit)
  }
}

extension Plane {
  /// The picture moved by (x, y) with bilinear interpolation; what comes in from outside repeats
  /// the edge.
  func shifted(_ x: Float, _ y: Float) -> Plane {
    var result = Plane(width: width, height: height)
    let (ix, iy) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
    let fx = Int(((x - Float(ix)) * 16).rounded())
    let fy = Int(((y - Float(iy)) * 16).rounded())
    let (w00, w10, w01, w11) = (
      UInt16((16 - fx) * (16 - fy)), UInt16(fx * (16 - fy)), UInt16((16 - fx) * fy), UInt16(fx * fy)
    )
    let (width, height) = (width, height)
    pixels.withUnsafeBytes { source in
      result.pixels.withUnsafeMutableBytes { target in
        for row in 0..<height {
          let near = min(max(row &- iy, 0), height &- 1) &* width
          let far = min(max(row &- iy &- 1, 0), height &- 1) &* width
          let out = row &* width
          // Columns whose two sources both lie inside; the rest take the slow way.
          let safe = min(max(ix &+ 1, 0), width)
          let end = max(min(width, width &+ ix), safe)
          @inline(__always) func slow(_ column: Int) {
            let a = min(max(column &- ix, 0), width &- 1)
            let b = min(max(column &- ix &- 1, 0), width &- 1)
            let top = UInt16(source[near &+ a]) &* w00 &+ UInt16(source[near &+ b]) &* w10
            let bottom = UInt16(source[far &+ a]) &* w01 &+ UInt16(source[far &+ b]) &* w11
            target[out &+ column] = UInt8(truncatingIfNeeded: (top &+ bottom &+ 128) >> 8)
          }
          for column in 0..<safe { slow(column) }
          var column = safe
          let base = source.baseAddress! - ix
          while column &+ 8 <= end {
            @inline(__always) func load(_ place: Int) -> SIMD8<UInt16> {
              SIMD8<UInt16>(
                truncatingIfNeeded: (base + (place &+ column)).loadUnaligned(as: SIMD8<UInt8>.self))
            }
            let sum =
              load(near) &* w00 &+ load(near &- 1) &* w10 &+ load(far) &* w01
              &+ load(far &- 1) &* w11 &+ 128
            target.baseAddress!.advanced(by: out &+ column).storeBytes(
              of: SIMD8<UInt8>(truncatingIfNeeded: sum &>> 8), as: SIMD8<UInt8>.self)
            column &+= 8
          }
          while column < width {
            slow(column)
            column &+= 1
          }
        }
      }
    }
    return result
  }
}
