/// How the whole picture changed from one frame to the next: its shift and its brightness.
///
/// `now(x) ~ gain * before(x - shift) + offset`, with the shift in pixels of the full working
/// picture.
struct CameraMotion: Sendable {
  var x: Float = 0
  var y: Float = 0
  var gain: Float = 1
  var offset: Float = 0
  /// Mean robust residual after compensation, grey levels.
  var residual: Float = 0

  var moves: Bool { x != 0 || y != 0 }
  var relights: Bool { gain != 1 || offset != 0 }
}

/// Estimates `CameraMotion`: whole-pixel search in the quarter picture when much has changed, then
/// Gauss-Newton with robust weights in the half picture, so that a moving object does not count.
enum CameraEstimator {
  /// Whole-pixel reach of the search, in quarter-size pixels.
  private static let reach = 7

  static func estimate(before: PreparedFrame, now: PreparedFrame, guess: CameraMotion)
    -> CameraMotion
  {
    let start = search(before: before.quarter, now: now.quarter, guess: guess)
    var motion = refine(before: before.half, now: now.half, start: start)
    if motion.moves && !isSupported(motion, before: before.half, now: now.half) {
      motion.x = 0
      motion.y = 0
    }
    // A still camera stays exactly still: resampling by a hundredth of a pixel would only blur.
    if abs(motion.x) < 0.1 && abs(motion.y) < 0.1 {
      motion.x = 0
      motion.y = 0
    }
    if abs(motion.gain - 1) * 128 + abs(motion.offset) < 0.6 {
      motion.gain = 1
      motion.offset = 0
    }
    return motion
  }

  /// Whether the shift explains the change in enough places of the picture: a bright thing that
  /// moves before a dim backdrop fits a shift well too, but only where it is.
  private static func isSupported(_ motion: CameraMotion, before: Plane, now: Plane) -> Bool {
    let (width, height) = (now.width, now.height)
    let (columns, rows) = (5, 4)
    let cap: Float = 8
    let (tx, ty) = (motion.x / 2, motion.y / 2)
    let (ix, iy) = (Int(tx.rounded(.down)), Int(ty.rounded(.down)))
    let (fx, fy) = (tx - Float(ix), ty - Float(iy))
    let (w00, w10, w01, w11) = ((1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy)
    var (moving, still) = (0, 0)
    before.pixels.withUnsafeBufferPointer { a in
      now.pixels.withUnsafeBufferPointer { b in
        for row in 0..<rows {
          for column in 0..<columns {
            let left = max(column * width / columns, ix + 1, 0)
            let right = min((column + 1) * width / columns, width + ix, width)
            let top = max(row * height / rows, iy + 1, 0)
            let bottom = min((row + 1) * height / rows, height + iy, height)
            guard left < right, top < bottom else { continue }
            var (shifted, resting): (Float, Float) = (0, 0)
            for y in top..<bottom {
              for x in left..<right {
                let here = y &* width &+ x
                let there = (y &- iy) &* width &+ x &- ix
                let sample =
                  w00 * Float(a[there]) + w10 * Float(a[there &- 1])
                  + w01 * Float(a[there &- width]) + w11 * Float(a[there &- width &- 1])
                let target = Float(b[here]) - motion.offset
                shifted += min(cap, abs(target - motion.gain * sample))
                resting += min(cap, abs(target - motion.gain * Float(a[here])))
              }
            }
            let area = Float((right - left) * (bottom - top))
            if shifted < 0.85 * resting - 0.1 * area { moving += 1 }
            if resting < 0.85 * shifted - 0.1 * area { still += 1 }
          }
        }
      }
    }
    return moving >= still
  }

  /// The best whole shift in the quarter picture (times 4), or no shift where that fits well
  /// already.
  private static func search(before: Plane, now: Plane, guess: CameraMotion) -> (Float, Float) {
    let (width, height) = (now.width, now.height)
    return before.pixels.withUnsafeBufferPointer { a in
      now.pixels.withUnsafeBufferPointer { b in
        let difference = mean(b) - mean(a)

        // Mean truncated difference at a shift, over the part that both pictures show.
        func cost(_ dx: Int, _ dy: Int) -> Float {
          let rows = max(0, dy)..<min(height, height + dy)
          let columns = max(0, dx)..<min(width, width + dx)
          if rows.count < height / 2 || columns.count < width / 2 { return .infinity }
          var sum = 0
          for y in rows {
            let here = y &* width
            let there = (y &- dy) &* width &- dx
            for x in columns {
              let d = Int(b[here &+ x]) &- Int(a[there &+ x]) &- difference
              let magnitude = d < 0 ? 0 &- d : d
              sum &+= magnitude < 24 ? magnitude : 24
            }
          }
          return Float(sum) / Float(rows.count * columns.count)
        }

        let still = cost(0, 0)
        if still < 0.8 { return (0, 0) }
        let guessX = Int((guess.x / 4).rounded())
        let guessY = Int((guess.y / 4).rounded())
        var best = (x: 0, y: 0, cost: still * 0.97)
        for dy in -reach...reach {
          for dx in -reach...reach {
            var c = cost(dx, dy)
            if dx == guessX && dy == guessY { c *= 0.98 }
            if c < best.cost { best = (dx, dy, c) }
          }
        }
        return (Float(best.x * 4), Float(best.y * 4))
      }
    }
  }

  private static func mean(_ pixels: UnsafeBufferPointer<UInt8>) -> Int {
    var sum = 0
    for value in pixels { sum &+= Int(value) }
    return sum / max(pixels.count, 1)
  }

  private static func refine(before: Plane, now: Plane, start: (Float, Float)) -> CameraMotion {
    let (width, height) = (now.width, now.height)
    var (tx, ty) = (start.0 / 2, start.1 / 2)  // half-size pixels
    var (gain, offset): (Float, Float) = (1, 0)
    var scale: Float = 40
    var residual: Float = 0
    before.pixels.withUnsafeBufferPointer { a in
      now.pixels.withUnsafeBufferPointer { b in
        for iteration in 0..<12 {
          let (ix, iy) = (Int(tx.rounded(.down)), Int(ty.rounded(.down)))
          let (fx, fy) = (tx - Float(ix), ty - Float(iy))
          let margin = 3
          let left = max(margin, ix + margin)
          let top = max(margin, iy + margin)
          let right = min(width - margin, width + ix - margin)
          let bottom = min(height - margin, height + iy - margin)
          guard right - left > width / 3, bottom - top > height / 3 else { break }

          var h = NormalEquations()
          var absolute: Float = 0
          var count: Float = 0
          // before(x - t): the whole part moves the pointer, the fraction blends with the pixel
          // before.
          let (w00, w10, w01, w11) = (
            (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
          )
          var y = top
          while y < bottom {
            var x = left + (y & 1)
            while x < right {
              let p = (y &- iy) &* width &+ x &- ix
              @inline(__always) func sample(_ q: Int) -> Float {
                w00 * Float(a[q]) + w10 * Float(a[q &- 1]) + w01 * Float(a[q &- width])
                  + w11 * Float(a[q &- width &- 1])
              }
              let value = sample(p)
              let gradientX = (sample(p &+ 1) - sample(p &- 1)) * 0.5
              let gradientY = (sample(p &+ width) - sample(p &- width)) * 0.5
              let r = Float(b[y &* width &+ x]) - gain * value - offset
              let magnitude = abs(r)
              // An edge a fraction of a pixel off is no outlier.
              let u = r / (scale + 0.15 * gain * (abs(gradientX) + abs(gradientY)))
              let weight = 1 / ((1 + u * u) * (1 + u * u))
              absolute += min(magnitude, 36)
              count += 1
              h.add(gain * gradientX, gain * gradientY, -value, -1, residual: r, weight: weight)
              x &+= 2
            }
            y &+= 1
          }
          residual = absolute / max(count, 1)
          guard let step = h.solution() else { break }
          let (sx, sy) = (max(-2, min(2, step.0)), max(-2, min(2, step.1)))
          tx += sx
          ty += sy
          gain = max(0.4, min(2.5, gain + step.2))
          offset += step.3
          scale = max(5, 3 * residual, 0.7 * scale)
          if iteration >= 3 && abs(sx) < 0.01 && abs(sy) < 0.01 && abs(step.2) < 0.003 { break }
        }
      }
    }
    return CameraMotion(x: 2 * tx, y: 2 * ty, gain: gain, offset: offset, residual: residual)
  }
}

/// Weighted least squares in four unknowns.
private struct NormalEquations {
  private var a00: Float = 0
  private var a01: Float = 0
  private var a02: Float = 0
  private var a03: Float = 0
  private var a11: Float = 0
  private var a12: Float = 0
  private var a13: Float = 0
  private var a22: Float = 0
  private var a23: Float = 0
  private var a33: Float = 0
  private var right = SIMD4<Float>()

  @inline(__always)
  mutating func add(
    _ j0: Float, _ j1: Float, _ j2: Float, _ j3: Float, residual: Float, weight: Float
  ) {
    let (w0, w1, w2, w3) = (weight * j0, weight * j1, weight * j2, weight * j3)
    a00 += w0 * j0
    a01 += w0 * j1
    a02 += w0 * j2
    a03 += w0 * j3
    a11 += w1 * j1
    a12 += w1 * j2
    a13 += w1 * j3
    a22 += w2 * j2
    a23 += w2 * j3
    a33 += w3 * j3
    right -= SIMD4(w0, w1, w2, w3) * residual
  }

  /// By Gauss-Jordan in double precision; nil where the picture has too little structure.
  func solution() -> (Float, Float, Float, Float)? {
    // A little damping keeps flat directions (a picture of one tone) at rest.
    var m: [[Double]] = [
      [Double(a00) + 1, Double(a01), Double(a02), Double(a03), Double(right[0])],
      [Double(a01), Double(a11) + 1, Double(a12), Double(a13), Double(right[1])],
      [Double(a02), Double(a12), Double(a22) * 1.0001 + 1, Double(a23), Double(right[2])],
      [Double(a03), Double(a13), Double(a23), Double(a33) * 1.0001 + 1e-3, Double(right[3])],
    ]
    for pivot in 0..<4 {
      guard abs(m[pivot][pivot]) > 1e-9 else { return nil }
      for row in 0..<4 where row != pivot {
        let factor = m[row][pivot] / m[pivot][pivot]
        for column in pivot..<5 { m[row][column] -= factor * m[pivot][column] }
      }
    }
    return (
      Float(m[0][4] / m[0][0]), Float(m[1][4] / m[1][1]), Float(m[2][4] / m[2][2]),
      Float(m[3][4] / m[3][3])
    )
  }
}
