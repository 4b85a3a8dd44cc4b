/// White noise, the same every time: -1...1.
public struct WhiteNoise {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
  }

  public mutating func samples(_ count: Int, level: Float = 1) -> [Float] {
    (0..<count).map { _ in level * next() }
  }
}
