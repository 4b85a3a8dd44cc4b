import Tensors

/// All cases of one kind of operation.
public struct OperationFamily {
  public let name: String
  public let cases: [OperationCase]

  private init(_ name: String, _ cases: [OperationCase]...) {
    self.name = name
    self.cases = Array(cases.joined())
  }

  private static let stored = [DType.f32, .f16, .bf16, .i8]

  /// Everything a backend does.
  public static var all: [OperationFamily] {
    [
      linear, attention, divided, conv1d, transposed, conv2d, channelwise, whole, norms,
      elementwise,
    ]
      + [rearrangement]
  }

  private static var linear: OperationFamily {
    OperationFamily(
      "linear", [1, 2, 5, 14, 64, 131].flatMap { ProductCases.linearOfRowCounts($0) },
      ProductCases.deepAndWide, stored.flatMap { ProductCases.storedTypes($0) },
      ProductCases.weightsAtOddAddresses, ProductCases.residualAndGate,
      Activation.allCases.flatMap { ProductCases.activationInTheEpilogue($0) },
      ProductCases.emptyOperands)
  }

  private static var attention: OperationFamily {
    OperationFamily(
      "attention", ProductCases.attention, ProductCases.attentionOverPackedProjections,
      ProductCases.attentionInBF16, ProductCases.attentionWithoutKeys,
      ProductCases.attentionWithLargeScores)
  }

  private static var divided: OperationFamily {
    OperationFamily(
      "divided attention",
      TokenDivision.Group.allCases.flatMap { DividedAttentionCases.agrees($0) },
      DividedAttentionCases.noVideos)
  }

  private static var conv1d: OperationFamily {
    OperationFamily(
      "conv1d", ConvolutionCases.conv1dSame, ConvolutionCases.conv1dGeometries,
      stored.flatMap { ConvolutionCases.conv1dStoredTypes($0) }, ConvolutionCases.snakeEpilogue,
      ConvolutionCases.conv1dToOneChannel, ConvolutionCases.conv1dLikeLinear)
  }

  private static var transposed: OperationFamily {
    OperationFamily(
      "convTranspose1d", stored.flatMap { ConvolutionCases.convTranspose1d($0) })
  }

  private static var conv2d: OperationFamily {
    OperationFamily("conv2d", ConvolutionCases.conv2d)
  }

  private static var channelwise: OperationFamily {
    OperationFamily(
      "channelwise", ConvolutionCases.depthwiseConv1d, ConvolutionCases.depthwiseConv2d,
      ConvolutionCases.pooling, ConvolutionCases.emptyBatches)
  }

  private static var whole: OperationFamily {
    OperationFamily(
      "whole numbers", IntegerCases.sums, IntegerCases.convolutions,
      stored.flatMap { IntegerCases.rounding($0) }, IntegerCases.epilogues)
  }

  private static var norms: OperationFamily {
    OperationFamily(
      "norms", RowCases.layerNorm, RowCases.layerNormWithModulation,
      RowCases.layerNormFarFromZero, RowCases.rmsNormRotary, RowCases.softmax)
  }

  private static var elementwise: OperationFamily {
    OperationFamily(
      "elementwise", RowCases.combinations, RowCases.snake,
      Activation.allCases.flatMap { RowCases.activations($0) })
  }

  private static var rearrangement: OperationFamily {
    OperationFamily(
      "rearrangement", RowCases.gatherOfEveryType, RowCases.concatenation, RowCases.transposition,
      RowCases.emptyRows)
  }
}
