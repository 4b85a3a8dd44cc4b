import Tensors
import TestSupport
import Testing

/// Every operation against the plain backend, over the cases of the processor's kernels, as far as emulated ones
/// can do them in seconds.
@Suite struct OperationTests {
  // MARK: Products

  @Test(arguments: [1, 14, 64])
  func linearOfRowCounts(rows: Int) throws { try check(ProductCases.linearOfRowCounts(rows)) }
  @Test func deepAndWide() throws { try check(ProductCases.deepAndWide) }
  @Test(arguments: [DType.f32, .f16, .bf16, .i8])
  func storedTypes(dtype: DType) throws { try check(ProductCases.storedTypes(dtype)) }
  @Test func weightsAtOddAddresses() throws { try check(ProductCases.weightsAtOddAddresses) }
  @Test(arguments: Activation.allCases)
  func activationInTheEpilogue(activation: Activation) throws {
    try check(ProductCases.activationInTheEpilogue(activation))
  }
  @Test func residualAndGate() throws { try check(ProductCases.residualAndGate) }
  @Test func emptyOperands() throws { try check(ProductCases.emptyOperands) }

  // MARK: Attention

  @Test func attention() throws { try check(ProductCases.attention) }
  @Test func packedAttention() throws { try check(ProductCases.attentionOverPackedProjections) }
  @Test func attentionInBF16() throws { try check(ProductCases.attentionInBF16) }
  @Test func attentionWithoutKeys() throws { try check(ProductCases.attentionWithoutKeys) }
  @Test func largeScores() throws { try check(ProductCases.attentionWithLargeScores) }
  @Test(arguments: TokenDivision.Group.allCases)
  func dividedAttention(group: TokenDivision.Group) throws {
    try check(DividedAttentionCases.agrees(group))
  }
  @Test func noVideos() throws { try check(DividedAttentionCases.noVideos) }

  // MARK: Convolutions

  @Test func conv1dSame() throws { try check(ConvolutionCases.conv1dSame) }
  @Test func conv1dGeometries() throws { try check(ConvolutionCases.conv1dGeometries) }
  @Test(arguments: [DType.f32, .f16, .bf16, .i8])
  func conv1dStoredTypes(dtype: DType) throws {
    try check(ConvolutionCases.conv1dStoredTypes(dtype))
  }
  @Test func snakeEpilogue() throws { try check(ConvolutionCases.snakeEpilogue) }
  @Test func conv1dToOneChannel() throws { try check(ConvolutionCases.conv1dToOneChannel) }
  @Test func conv1dLikeLinear() throws { try check(ConvolutionCases.conv1dLikeLinear) }
  @Test(arguments: [DType.f32, .i8])
  func convTranspose1d(dtype: DType) throws { try check(ConvolutionCases.convTranspose1d(dtype)) }
  @Test func depthwiseConv1d() throws { try check(ConvolutionCases.depthwiseConv1d) }
  @Test func conv2d() throws { try check(ConvolutionCases.conv2d) }
  @Test func depthwiseConv2d() throws { try check(ConvolutionCases.depthwiseConv2d) }
  @Test func pooling() throws { try check(ConvolutionCases.pooling) }
  @Test func emptyBatches() throws { try check(ConvolutionCases.emptyBatches) }

  // MARK: Whole numbers

  @Test func wholeSums() throws { try check(IntegerCases.sums) }
  @Test func wholeConvolutions() throws { try check(IntegerCases.convolutions) }
  @Test(arguments: [DType.f32, .f16, .bf16, .i8])
  func rounding(dtype: DType) throws { try check(IntegerCases.rounding(dtype)) }
  @Test func wholeEpilogues() throws { try check(IntegerCases.epilogues) }

  // MARK: Rows

  @Test func layerNorm() throws { try check(RowCases.layerNorm) }
  @Test func modulation() throws { try check(RowCases.layerNormWithModulation) }
  @Test func layerNormFarFromZero() throws { try check(RowCases.layerNormFarFromZero) }
  @Test func rmsNormRotary() throws { try check(RowCases.rmsNormRotary) }
  @Test func softmax() throws { try check(RowCases.softmax) }
  @Test func combinations() throws { try check(RowCases.combinations) }
  @Test func snake() throws { try check(RowCases.snake) }
  @Test(arguments: Activation.allCases)
  func activations(activation: Activation) throws { try check(RowCases.activations(activation)) }
  @Test func gatherOfEveryType() throws { try check(RowCases.gatherOfEveryType) }
  @Test func concatenation() throws { try check(RowCases.concatenation) }
  @Test func transposition() throws { try check(RowCases.transposition) }
  @Test func emptyRows() throws { try check(RowCases.emptyRows) }
}
