/// How a GPU is named on command lines: `cuda`, the first that can be used, or `cuda:N`, the one of a number.
public struct GPUName: Sendable, Equatable, CustomStringConvertible {
  public let number: Int?

  public init?(_ text: some StringProtocol) {
    guard text != "cuda" else {
      number = nil
      return
    }
    let digits = text.dropFirst("cuda:".count)
    guard text.hasPrefix("cuda:"), digits.allSatisfy(\.isNumber), let number = Int(digits) else {
      return nil
    }
    self.number = number
  }

  public init(number: Int?) { self.number = number }

  public var description: String { number.map { "cuda:\($0)" } ?? "cuda" }
}
