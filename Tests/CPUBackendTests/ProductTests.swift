import Tensors
import TestSupport
import Testing

@Suite struct ProductTests {
  @Test(arguments: [1, 2, 5, 12, 13, 14, 15, 29, 64, 131])
  func linearOfRowCounts(rows: Int) { check(ProductCases.linearOfRowCounts(rows)) }
  @Test func deepAndWide() { check(ProductCases.deepAndWide) }
  @Test(arguments: [DType.f32, .f16, .bf16, .i8])
  func storedTypes(dtype: DType) { check(ProductCases.storedTypes(dtype)) }
  @Test func weightsAtOddAddresses() { check(ProductCases.weightsAtOddAddresses) }
  @Test(arguments: Activation.allCases)
  func activationInTheEpilogue(activation: Activation) {
    check(ProductCases.activationInTheEpilogue(activation))
  }
  @Test func residualAndGate() { check(ProductCases.residualAndGate) }
  @Test func emptyOperands() { check(ProductCases.emptyOperands) }
  @Test func attention() { check(ProductCases.attention) }
  @Test func attentionOverPackedProjections() { check(ProductCases.attentionOverPackedProjections) }
  @Test func attentionInBF16() { check(ProductCases.attentionInBF16) }
  @Test func attentionWithoutKeys() { check(ProductCases.attentionWithoutKeys) }
  @Test func attentionWithLargeScores() { check(ProductCases.attentionWithLargeScores) }
}
