/// Where two frames differ once the camera's motion and the light are taken out, in the half
/// picture.
struct ChangeMap: Sendable {
  let width: Int
  let height: Int
  /// 255 where something changed or within one pixel of it, else 0.
  var mask: [UInt8]
  /// The share of what both pictures show that changed, before widening.
  var share: Float
  /// Mean difference above the tolerance, grey levels.
  var energy: Float
  /// Spread of the differences that are taken for noise, grey levels.
  var noise: Float

  /// - Parameters:
  ///   - camera: what `before` has been compensated for.
  ///   - noise: the running estimate of the noise, grey levels, where there is one.
  init(before: Plane, now: Plane, noise running: Float?, camera: CameraMotion) {
    (width, height) = (now.width, now.height)
    let count = width * height
    var difference = [UInt8](repeating: 0, count: count)
    var histogram = [Int](repeating: 0, count: 256)
    before.pixels.withUnsafeBufferPointer { a in
      now.pixels.withUnsafeBufferPointer { b in
        difference.withUnsafeMutableBufferPointer { d in
          histogram.withUnsafeMutableBufferPointer { h in
            for index in 0..<count {
              let (x, y) = (a[index], b[index])
              let value = x > y ? x &- y : y &- x
              d[index] = value
              h[Int(value)] &+= 1
            }
          }
        }
      }
    }
    // The median of |difference| is 0.67 sigma; interpolated inside its bin.
    var below = 0
    var median: Float = 0
    for (value, n) in histogram.enumerated() {
      if 2 * (below + n) >= count {
        median = Float(value) + (Float(count) / 2 - Float(below)) / Float(max(n, 1)) - 0.5
        break
      }
      below += n
    }
    noise = max(0, median) * 1.48
    let sigma = min(noise, running ?? noise)
    let tolerance = 3 + 3 * sigma

    // What has come into view at the border has nothing to be compared with.
    func shared(_ extent: Int, _ shift: Float) -> Range<Int> {
      let first = 1 + max(0, Int((shift / 2).rounded(.up)))
      let end = extent - 1 + min(0, Int((shift / 2).rounded(.down)))
      return first..<max(first, end)
    }
    let columns = shared(width, camera.x)
    let rows = shared(height, camera.y)

    var active = [UInt8](repeating: 0, count: count)
    var sum: Float = 0
    var changed = 0
    let (width, height) = (width, height)
    now.pixels.withUnsafeBufferPointer { b in
      difference.withUnsafeBufferPointer { d in
        active.withUnsafeMutableBufferPointer { m in
          for y in rows {
            for x in columns {
              let p = y &* width &+ x
              var limit = tolerance
              if camera.moves {
                // What a fifth of a pixel's error of the shift would make of the local slope.
                let gx = Int(b[p &+ 1]) &- Int(b[p &- 1])
                let gy = Int(b[p &+ width]) &- Int(b[p &- width])
                limit += 0.15 * Float(abs(gx) &+ abs(gy))
              }
              let excess = Float(d[p]) - limit
              if excess > 0 {
                m[p] = 255
                changed &+= 1
                sum += min(excess, 40)
              }
            }
          }
        }
      }
    }
    share = Float(changed) / Float(max(rows.count * columns.count, 1))
    energy = sum / Float(count)
    mask = [UInt8](repeating: 0, count: count)
    if changed == 0 { return }
    active.withUnsafeBufferPointer { a in
      mask.withUnsafeMutableBufferPointer { m in
        for y in 1..<height - 1 {
          for x in 1..<width - 1 {
            let p = y &* width &+ x
            if a[p] == 0 { continue }
            // A lone pixel is noise.
            let near = a[p &- 1] | a[p &+ 1] | a[p &- width] | a[p &+ width]
            if near == 0 { continue }
            for row in -1...1 {
              for column in -1...1 { m[p &+ row &* width &+ column] = 255 }
            }
          }
        }
      }
    }
  }
}
