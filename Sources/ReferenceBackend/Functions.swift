import Foundation
import Tensors

extension Reference {
  static func apply(_ activation: Activation, _ x: Double) -> Double {
    switch activation {
    case .identity: x
    case .silu: x / (1 + Foundation.exp(-x))
    case .geluTanh:
      0.5 * x * (1 + Foundation.tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .geluErf: 0.5 * x * (1 + erf(x / 2.squareRoot()))
    case .relu: max(0, x)
    case .relu6: min(max(0, x), 6)
    case .tanh: Foundation.tanh(x)
    case .sigmoid: 1 / (1 + Foundation.exp(-x))
    case .exp: Foundation.exp(x)
    }
  }

  static func snake(_ x: Double, alpha: Float, beta: Float) -> Double {
    let sine = sin(x * Double(alpha))
    return x + sine * sine / (Double(beta) + 1e-9)
  }

  static func softmax(_ values: [Double]) -> [Double] {
    guard let largest = values.max() else { return [] }
    let powers = values.map { Foundation.exp($0 - largest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }
}
