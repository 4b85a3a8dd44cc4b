import Tensors

/// All cases of one kind of operation.
public struct OperationFamily {
  public let name: String
  public let cases: [OperationCase]

  /// Everything a backend does.
  public static var all: [OperationFamily] {
    let dtypes = [DType.f32, .f16, .bf16, .i8]
    return [
      OperationFamily(
        name: "linear",
        cases: [1, 2, 5, 14, 64, 131].flatMap(ProductCases.linearOfRowCounts)
          + ProductCases.deepAndWide + dtypes.flatMap(ProductCases.storedTypes)
          + ProductCases.weightsAtOddAddresses + ProductCases.residualAndGate
          + Activation.allCases.flatMap(ProductCases.activationInTheEpilogue)
          + ProductCases.emptyOperands),
      OperationFamily(
        name: "attention",
        cases: ProductCases.attention + ProductCases.attentionOverPackedProjections
          + ProductCases.attentionWithoutKeys + ProductCases.attentionWithLargeScores
          + ProductCases.attentionInBF16),
      OperationFamily(
        name: "divided attention",
        cases: TokenDivision.Group.allCases.flatMap(DividedAttentionCases.agrees)
          + DividedAttentionCases.noVideos),
      OperationFamily(
        name: "conv1d",
        cases: ConvolutionCases.conv1dSame + ConvolutionCases.conv1dGeometries
          + dtypes.flatMap(ConvolutionCases.conv1dStoredTypes) + ConvolutionCases.snakeEpilogue
          + ConvolutionCases.conv1dToOneChannel + ConvolutionCases.conv1dLikeLinear),
      OperationFamily(
        name: "convTranspose1d",
        cases: [DType.f32, .bf16, .i8].flatMap(ConvolutionCases.convTranspose1d)),
      OperationFamily(name: "conv2d", cases: ConvolutionCases.conv2d),
      OperationFamily(
        name: "depthwise",
        cases: ConvolutionCases.depthwiseConv1d + ConvolutionCases.depthwiseConv2d
          + ConvolutionCases.pooling + ConvolutionCases.emptyBatches),
      OperationFamily(
        name: "whole numbers",
        cases: IntegerCases.sums + IntegerCases.convolutions
          + dtypes.flatMap(IntegerCases.rounding) + IntegerCases.epilogues),
      OperationFamily(
        name: "norms",
        cases: RowCases.layerNorm + RowCases.layerNormWithModulation
          + RowCases.layerNormFarFromZero + RowCases.rmsNormRotary + RowCases.softmax),
      OperationFamily(
        name: "elementwise",
        cases: RowCases.combinations + RowCases.snake
          + Activation.allCases.flatMap(RowCases.activations)),
      OperationFamily(
        name: "rearrangement",
        cases: RowCases.gatherOfEveryType + RowCases.concatenation + RowCases.transposition
          + RowCases.emptyRows),
    ]
  }
}
