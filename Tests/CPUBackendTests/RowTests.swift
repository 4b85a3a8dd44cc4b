import Tensors
import TestSupport
import Testing

@Suite struct RowTests {
  @Test func layerNorm() { check(RowCases.layerNorm) }
  @Test func layerNormWithModulation() { check(RowCases.layerNormWithModulation) }
  @Test func layerNormFarFromZero() { check(RowCases.layerNormFarFromZero) }
  @Test func rmsNormRotary() { check(RowCases.rmsNormRotary) }
  @Test func softmax() { check(RowCases.softmax) }
  @Test func combinations() { check(RowCases.combinations) }
  @Test func snake() { check(RowCases.snake) }
  @Test(arguments: Activation.allCases)
  func activations(activation: Activation) { check(RowCases.activations(activation)) }
  @Test func gatherOfEveryType() { check(RowCases.gatherOfEveryType) }
  @Test func concatenation() { check(RowCases.concatenation) }
  @Test func transposition() { check(RowCases.transposition) }
  @Test func emptyRows() { check(RowCases.emptyRows) }
}
