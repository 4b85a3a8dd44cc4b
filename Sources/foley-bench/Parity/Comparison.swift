import Foundation
import Tensors

/// One line of the parity report: how far a computed tensor is from the recorded one.
struct Comparison {
  let fixture: String
  let output: String
  let result: Result

  enum Result {
    case measured(maximum: Double, relative: Double, tolerance: Double)
    /// Whole numbers or texts, of which `different` of `count` differ.
    case exact(different: Int, count: Int)
    /// Nothing was compared, and that is right.
    case skipped(reason: String)
    case failed(reason: String)
    case unsupported(module: String)
  }

  var passed: Bool {
    switch result {
    // Written so that a value that is not a number fails.
    case .measured(_, let relative, let tolerance): relative <= tolerance
    case .exact(let different, _): different == 0
    case .skipped: true
    case .failed, .unsupported: false
    }
  }

  /// - Parameters:
  ///   - computed: in the recorded order of axes.
  ///   - recorded: the truth.
  init(fixture: Fixture, output: String, computed: Tensor, recorded: HostTensor) {
    self.fixture = fixture.name
    self.output = output
    guard computed.shape == recorded.shape else {
      result = .failed(reason: "shape \(computed.shape), recorded \(recorded.shape)")
      return
    }
    let expected = recorded.floats()
    var (maximum, error, size) = (0.0, 0.0, 0.0)
    for (a, b) in zip(computed.floats(), expected) {
      let difference = Double(a) - Double(b)
      // max() would drop what is not a number.
      maximum = abs(difference) <= maximum ? maximum : abs(difference)
      error += difference * difference
      size += Double(b) * Double(b)
    }
    let relative = error == 0 ? 0 : (error / size).squareRoot()
    result = .measured(
      maximum: maximum, relative: relative, tolerance: fixture.tolerance ?? 1e-5)
  }

  init(fixture: String, output: String, _ result: Result) {
    self.fixture = fixture
    self.output = output
    self.result = result
  }

  var line: String {
    let place =
      fixture.padding(toLength: max(24, fixture.count), withPad: " ", startingAt: 0) + "  "
      + output.padding(toLength: max(22, output.count), withPad: " ", startingAt: 0) + "  "
    switch result {
    case .measured(let maximum, let relative, let tolerance):
      return place
        + String(
          format: "max abs %.2e  relative L2 %.2e  tolerance %.0e  %@", maximum, relative,
          tolerance, passed ? "ok" : "MISS")
    case .exact(let different, let count):
      return place + "\(different) of \(count) differ  tolerance exact  \(passed ? "ok" : "MISS")"
    case .skipped(let reason): return place + "skipped: \(reason)"
    case .failed(let reason): return place + "FAILED: \(reason)"
    case .unsupported(let module): return place + "module '\(module)' is not supported yet"
    }
  }
}
