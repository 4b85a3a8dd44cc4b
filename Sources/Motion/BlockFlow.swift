/// The motion of one block of 16 x 16 pixels.
struct BlockMotion: Sendable {
  enum State: UInt8, Sendable {
    /// Nothing changed here.
    case still
    /// Found again elsewhere.
    case moving
    /// Changed, but found nowhere: covered, uncovered, blurred, or out of the picture.
    case lost
  }
  var state = State.still
  /// Displacement in full working pixels.
  var x: Float = 0
  var y: Float = 0
  /// The share of the block that changed, 0...1.
  var weight: Float = 0
}

/// A field of block motions on a grid of 8 pixels, by masked block matching: the sum of absolute
/// differences over the changed pixels alone, all whole displacements of the half picture, then a
/// sub-pixel fit in the full one.
///
/// Masking matters: a small object on a structured wall would else be outvoted by the wall around
/// it.
struct BlockFlow: Sendable {
  static let stride = 4  // half-size pixels
  static let side = 8  // half-size pixels
  private static let limit: UInt8 = 40
  private static let reach = 12  // half-size pixels
  private static let fastest = 900.0  // pixels per second

  let columns: Int
  let rows: Int
  var blocks: [BlockMotion]

  static func grid(width: Int, height: Int) -> (columns: Int, rows: Int) {
    (max(0, (width / 2 - side) / stride + 1), max(0, (height / 2 - side) / stride + 1))
  }

  /// A field in which nothing is known.
  init(lost columns: Int, _ rows: Int) {
    self.columns = columns
    self.rows = rows
    blocks = [BlockMotion](repeating: BlockMotion(state: .lost), count: columns * rows)
  }

  /// The share of what changed that was found nowhere.
  var lostShare: Float {
    var (lost, all): (Float, Float) = (0, 0)
    for block in blocks {
      all += block.weight
      if block.state == .lost { lost += block.weight }
    }
    return all > 0 ? lost / all : 0
  }

  /// Where the blocks of `source` lie in `target`.
  ///
  /// - Parameters:
  ///   - change: where the two differ.
  ///   - span: seconds between them, which bounds how far things can have come.
  ///   - shift: moves the whole grid, in half-size pixels (a camera that moved between the frame
  ///     whose grid this is and `source`); blocks that then leave the picture are lost.
  init(
    from source: PreparedFrame, to target: PreparedFrame, change: ChangeMap,
    span: Double, shift: (x: Int, y: Int) = (0, 0)
  ) {
    let half = source.half
    let (width, height) = (half.width, half.height)
    (columns, rows) = Self.grid(width: source.full.width, height: source.full.height)
    blocks = [BlockMotion](repeating: BlockMotion(), count: columns * rows)
    if change.share == 0 && shift.x == 0 && shift.y == 0 { return }

    let (columns, rows) = (columns, rows)
    source.half.pixels.withUnsafeBytes { a in
      target.half.pixels.withUnsafeBytes { b in
        change.mask.withUnsafeBytes { mask in
          source.full.pixels.withUnsafeBytes { fullA in
            target.full.pixels.withUnsafeBytes { fullB in
              let matcher = BlockMatcher(
                width: width, height: height, fullWidth: source.full.width,
                fullHeight: source.full.height, a: a.baseAddress!, b: b.baseAddress!,
                mask: mask.baseAddress!, fullA: fullA.baseAddress!, fullB: fullB.baseAddress!,
                reach: max(4, min(Self.reach, Int(Self.fastest * span / 2 + 1))),
                noise: change.noise,
                limit: SIMD8(repeating: Self.limit), fineLimit: SIMD16(repeating: Self.limit + 8))
              var guesses = [BlockMatcher.Guess](repeating: .init(), count: columns * rows)
              for row in 0..<rows {
                for column in 0..<columns {
                  let x = column * Self.stride + shift.x
                  let y = row * Self.stride + shift.y
                  let index = row * columns + column
                  if x < 0 || y < 0 || x + Self.side > width || y + Self.side > height {
                    blocks[index].state = .lost
                  } else {
                    guesses[index] = matcher.search(x, y)
                  }
                }
              }
              for _ in 0..<2 { matcher.agree(&guesses, columns: columns, rows: rows) }
              for index in guesses.indices where guesses[index].changed > 0 {
                let alone = matcher.standsAlone(guesses, index, columns: columns, rows: rows)
                blocks[index] = matcher.settled(guesses[index], alone: alone)
              }
            }
          }
        }
      }
    }
  }
}

/// The pictures of one matching, as bare pointers that live for one call of `withUnsafeBytes`.
private struct BlockMatcher {
  let width: Int
  let height: Int
  let fullWidth: Int
  let fullHeight: Int
  let a: UnsafeRawPointer
  let b: UnsafeRawPointer
  let mask: UnsafeRawPointer
  let fullA: UnsafeRawPointer
  let fullB: UnsafeRawPointer
  let reach: Int
  let noise: Float
  /// No pixel counts for more than this, so that background which a thing covers or uncovers cannot
  /// outvote it.
  let limit: SIMD8<UInt8>
  let fineLimit: SIMD16<UInt8>

  @inline(__always)
  private func eight(_ p: UnsafeRawPointer, _ x: Int, _ y: Int) -> SIMD8<UInt8> {
    (p + (y &* width &+ x)).loadUnaligned(as: SIMD8<UInt8>.self)
  }

  private static let lost: Float = 0.8

  /// A whole displacement of one block, in half-size pixels.
  struct Guess {
    var x = 0
    var y = 0
    var dx = 0
    var dy = 0
    /// Sum of absolute differences here, and without displacement.
    var cost = 0
    var still = 0
    /// Changed pixels; 0 where the block rests.
    var changed = 0
  }

  /// A block's own pixels and mask.
  private struct Template {
    var rows = InlineArray<8, SIMD8<UInt8>>(repeating: SIMD8())
    var masks = InlineArray<8, SIMD8<UInt8>>(repeating: SIMD8())
    var changed = 0
  }

  @inline(__always)
  private func template(_ x: Int, _ y: Int) -> Template {
    var result = Template()
    var covered = SIMD8<UInt8>()
    for row in 0..<8 {
      result.rows[row] = eight(a, x, y &+ row)
      let m = eight(mask, x, y &+ row)
      result.masks[row] = m
      covered &+= m & 1
    }
    result.changed = Int(covered.wrappedSum())
    return result
  }

  @inline(__always)
  private func difference(_ template: borrowing Template, _ x: Int, _ y: Int) -> Int {
    var sum = SIMD8<UInt16>()
    for row in 0..<8 {
      let other = eight(b, x, y &+ row)
      let own = template.rows[row]
      let apart = pointwiseMax(own, other) &- pointwiseMin(own, other)
      let d = pointwiseMin(apart, limit) & template.masks[row]
      sum &+= SIMD8<UInt16>(truncatingIfNeeded: d)
    }
    return Int(sum.wrappedSum())
  }

  /// The best whole displacement of the block whose top left corner lies at (x, y) in the half
  /// picture.
  func search(_ x: Int, _ y: Int) -> Guess {
    var guess = Guess(x: x, y: y)
    let own = template(x, y)
    if own.changed < 6 { return guess }
    guess.changed = own.changed
    guess.still = difference(own, x, y)
    // Distance costs a little, so that a surface without structure stays where it is.
    let tilt = max(1, own.changed / 24)
    var best = guess.still
    let rows = max(-reach, -y)...min(reach, height - 8 - y)
    let columns = max(-reach, -x)...min(reach, width - 8 - x)
    for dy in rows {
      for dx in columns {
        let cost = difference(own, x &+ dx, y &+ dy) &+ tilt &* (abs(dx) &+ abs(dy))
        if cost < best {
          best = cost
          (guess.dx, guess.dy) = (dx, dy)
        }
      }
    }
    guess.cost = best - tilt * (abs(guess.dx) + abs(guess.dy))
    return guess
  }

  /// Lets each block take over the displacement of a neighbour where that costs it little: stripes
  /// and bare edges fit in many places, but one body moves as one.
  func agree(_ guesses: inout [Guess], columns: Int, rows: Int) {
    for row in 0..<rows {
      for column in 0..<columns {
        let index = row * columns + column
        let guess = guesses[index]
        if guess.changed == 0 { continue }
        var near = InlineArray<8, (dx: Int, dy: Int, weight: Int)>(repeating: (0, 0, 0))
        var count = 0
        var total = 0
        for y in max(0, row - 1)...min(rows - 1, row + 1) {
          for x in max(0, column - 1)...min(columns - 1, column + 1) {
            let other = guesses[y * columns + x]
            if other.changed == 0 || (x == column && y == row) { continue }
            near[count] = (other.dx, other.dy, other.changed)
            count += 1
            total += other.changed
          }
        }
        if count == 0 { continue }
        func tension(_ dx: Int, _ dy: Int) -> Int {
          var sum = 0
          for i in 0..<count {
            sum += near[i].weight * min(abs(dx - near[i].dx) + abs(dy - near[i].dy), 6)
          }
          return sum * guess.changed / total
        }
        let own = template(guess.x, guess.y)
        var best = guess.cost + tension(guess.dx, guess.dy)
        for i in 0..<count {
          let (dx, dy) = (near[i].dx, near[i].dy)
          if dx == guesses[index].dx && dy == guesses[index].dy { continue }
          let (x, y) = (guess.x + dx, guess.y + dy)
          if x < 0 || y < 0 || x + 8 > width || y + 8 > height { continue }
          let cost = difference(own, x, y)
          let energy = cost + tension(dx, dy)
          if energy < best {
            best = energy
            (guesses[index].dx, guesses[index].dy, guesses[index].cost) = (dx, dy, cost)
          }
        }
      }
    }
  }

  /// Whether hardly any of the changed neighbourhood moves like this block: a chance match, as
  /// background that comes into view finds them.
  func standsAlone(_ guesses: [Guess], _ index: Int, columns: Int, rows: Int) -> Bool {
    let (row, column) = (index / columns, index % columns)
    let own = guesses[index]
    var (agreeing, all) = (0, 0)
    for y in max(0, row - 1)...min(rows - 1, row + 1) {
      for x in max(0, column - 1)...min(columns - 1, column + 1) {
        let other = guesses[y * columns + x]
        if other.changed == 0 || (x == column && y == row) { continue }
        all += other.changed
        if abs(other.dx - own.dx) + abs(other.dy - own.dy) <= 2 { agreeing += other.changed }
      }
    }
    return 4 * agreeing < all
  }

  func settled(_ guess: Guess, alone: Bool) -> BlockMotion {
    let weight = Float(guess.changed) / 64
    if alone { return BlockMotion(state: .lost, weight: weight) }
    let floor = (1.5 + 1.2 * noise) * Float(guess.changed)
    let share = max(0, Float(guess.cost) - floor) / Float(max(guess.still, 1))
    if share > Self.lost { return BlockMotion(state: .lost, weight: weight) }
    let fine = refine(guess.x, guess.y, guess.dx, guess.dy)
    return BlockMotion(
      state: .moving, x: fine.0, y: fine.1, weight: weight * min(1, 1.25 * (1 - share)))
  }

  /// Squared differences in the full picture around twice the coarse displacement, and the vertex
  /// of the parabola.
  private func refine(_ x: Int, _ y: Int, _ coarseX: Int, _ coarseY: Int) -> (Float, Float) {
    let (left, top) = (2 &* x, 2 &* y)

    func squares(_ dx: Int, _ dy: Int) -> Float {
      guard left + dx >= 0, top + dy >= 0, left + dx + 16 <= fullWidth, top + dy + 16 <= fullHeight
      else { return .infinity }
      var sum = SIMD16<UInt32>()
      for row in 0..<16 {
        let own = (fullA + ((top &+ row) &* fullWidth &+ left)).loadUnaligned(
          as: SIMD16<UInt8>.self)
        let other = (fullB + ((top &+ dy &+ row) &* fullWidth &+ left &+ dx)).loadUnaligned(
          as: SIMD16<UInt8>.self)
        let m = eight(mask, x, y &+ row / 2)
        var wide = SIMD16<UInt8>()
        wide.evenHalf = m
        wide.oddHalf = m
        let apart = pointwiseMax(own, other) &- pointwiseMin(own, other)
        let d = pointwiseMin(apart, fineLimit) & wide
        let w = SIMD16<UInt16>(truncatingIfNeeded: d)
        sum &+= SIMD16<UInt32>(truncatingIfNeeded: w &* w)
      }
      return Float(sum.wrappedSum())
    }

    var (dx, dy) = (2 &* coarseX, 2 &* coarseY)
    var centre = squares(dx, dy)
    for _ in 0..<3 {
      var next = (dx, dy, centre)
      for (sx, sy) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
        let cost = squares(dx + sx, dy + sy)
        if cost < next.2 { next = (dx + sx, dy + sy, cost) }
      }
      if next.0 == dx && next.1 == dy { break }
      (dx, dy, centre) = next
    }
    func vertex(_ before: Float, _ after: Float) -> Float {
      guard before.isFinite, after.isFinite else { return 0 }
      let curvature = before - 2 * centre + after
      return curvature > 1 ? max(-0.5, min(0.5, (before - after) / (2 * curvature))) : 0
    }
    let fineX = Float(dx) + vertex(squares(dx - 1, dy), squares(dx + 1, dy))
    let fineY = Float(dy) + vertex(squares(dx, dy - 1), squares(dx, dy + 1))
    return (fineX, fineY)
  }
}
