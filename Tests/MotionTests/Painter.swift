import Foundation
import Motion
import Tensors

/// Draws small grey pictures: a soft backdrop and anti-aliased discs, so that tests need no tool.
struct Painter {
  let width = 160
  let height = 90
  /// A backdrop wider than the picture, for cameras that move.
  private let backdrop: [Float]
  private static let margin = 24
  private let noise = GaussianNoise(seed: 5)

  /// - Parameter contrast: of the backdrop's relief, grey levels.
  init(seed: UInt64 = 1, contrast: Float = 12, tone: Float = 110) {
    let (wide, tall) = (160 + 2 * Self.margin, 90 + 2 * Self.margin)
    let random = GaussianNoise(seed: seed).rows(0..<40, channels: 60)
    var pixels = [Float](repeating: 0, count: wide * tall)
    for (scale, share) in [(24, Float(1)), (8, Float(0.6))] {
      for y in 0..<tall {
        for x in 0..<wide {
          let (cx, cy) = (x / scale, y / scale)
          let (fx, fy) = (
            Float(x % scale) / Float(scale), Float(y % scale) / Float(scale)
          )
          func corner(_ i: Int, _ j: Int) -> Float { random[(cy + j) % 40 * 60 + (cx + i) % 60] }
          let top = corner(0, 0) * (1 - fx) + corner(1, 0) * fx
          let bottom = corner(0, 1) * (1 - fx) + corner(1, 1) * fx
          pixels[y * wide + x] += contrast * share * (top * (1 - fy) + bottom * fy)
        }
      }
    }
    backdrop = pixels.map { tone + $0 }
  }

  /// - Parameters:
  ///   - discs: centre, radius and tone in pixels and grey levels.
  ///   - camera: how far the picture's corner lies from the backdrop's middle position.
  ///   - grain: standard deviation of the noise, which `index` addresses.
  func frame(
    _ time: Double, discs: [(x: Double, y: Double, radius: Double, tone: Float)] = [],
    camera: (x: Double, y: Double) = (0, 0), gain: Float = 1, grain: Float = 0, index: Int = 0
  ) -> GrayFrame {
    let wide = width + 2 * Self.margin
    let (ox, oy) = (camera.x + Double(Self.margin), camera.y + Double(Self.margin))
    let (ix, iy) = (Int(ox.rounded(.down)), Int(oy.rounded(.down)))
    let (fx, fy) = (Float(ox) - Float(ix), Float(oy) - Float(iy))
    var pixels = [UInt8](repeating: 0, count: width * height)
    let grains =
      grain > 0 ? noise.rows(index * height..<(index + 1) * height, channels: width) : []
    for y in 0..<height {
      for x in 0..<width {
        let p = (y + iy) * wide + x + ix
        var value =
          backdrop[p] * (1 - fx) * (1 - fy) + backdrop[p + 1] * fx * (1 - fy)
          + backdrop[p + wide] * (1 - fx) * fy + backdrop[p + wide + 1] * fx * fy
        for disc in discs {
          let (dx, dy) = (Double(x) + camera.x - disc.x, Double(y) + camera.y - disc.y)
          let cover = Float(max(0, min(1, disc.radius + 0.5 - (dx * dx + dy * dy).squareRoot())))
          let shade = disc.tone + 10 * Float(sin(0.31 * dx + 0.17 * dy) + cos(0.23 * dy - 0.4 * dx))
          value += cover * (shade - value)
        }
        value *= gain
        if grain > 0 { value += grain * grains[y * width + x] }
        pixels[y * width + x] = UInt8(max(0, min(255, value.rounded())))
      }
    }
    return GrayFrame(time: time, width: width, height: height, pixels: pixels)
  }
}

/// A disc thrown up again and again, whose landings are known: heights in pixels above the floor.
struct Bounces {
  let gravity: Double
  let speeds: [Double]
  let floor = 78.0

  /// The times of landing; the disc starts in the middle of its first flight, falling from rest.
  var times: [Double] {
    var time = speeds[0] / gravity
    var result = [time]
    for speed in speeds.dropFirst() {
      time += 2 * speed / gravity
      result.append(time)
    }
    return result
  }

  func height(at time: Double) -> Double {
    let landings = times
    if time < landings[0] {
      return (speeds[0] * speeds[0] / gravity - gravity * time * time) / 2
    }
    for (index, landing) in landings.enumerated().reversed() where time >= landing {
      guard index + 1 < speeds.count else { return 0 }
      let since = time - landing
      return max(0, speeds[index + 1] * since - gravity * since * since / 2)
    }
    return 0
  }
}

/// One-to-one matches within `tolerance`, nearest first: signed offsets, and what was left over.
func matched(_ found: [Double], _ known: [Double], tolerance: Double = 0.08)
  -> (offsets: [Double], extra: Int, missed: Int)
{
  var pairs: [(Double, Int, Int)] = []
  for (i, a) in found.enumerated() {
    for (j, b) in known.enumerated() where abs(a - b) <= tolerance { pairs.append((a - b, i, j)) }
  }
  var used: (Set<Int>, Set<Int>) = ([], [])
  var offsets: [Double] = []
  for (offset, i, j) in pairs.sorted(by: { abs($0.0) < abs($1.0) })
  where !used.0.contains(i) && !used.1.contains(j) {
    used.0.insert(i)
    used.1.insert(j)
    offsets.append(offset)
  }
  return (offsets, found.count - offsets.count, known.count - offsets.count)
}

func median(_ values: [Double]) -> Double {
  values.isEmpty ? .nan : values.sorted()[values.count / 2]
}

extension MotionTrack {
  /// The times of what counts as an event.
  var strong: [Double] {
    events.filter { $0.strength >= VisualEvent.threshold }.map(\.time)
  }
}

func track(_ frames: some Sequence<GrayFrame>) -> MotionTrack {
  var analyzer = MotionAnalyzer()
  for frame in frames { analyzer.add(frame) }
  analyzer.finish()
  return analyzer.track
}
