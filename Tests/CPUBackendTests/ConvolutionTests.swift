import Tensors
import TestSupport
import Testing

@Suite struct ConvolutionTests {
  @Test func conv1dSame() { check(ConvolutionCases.conv1dSame) }
  @Test func conv1dGeometries() { check(ConvolutionCases.conv1dGeometries) }
  @Test(arguments: [DType.f32, .f16, .bf16, .i8])
  func conv1dStoredTypes(dtype: DType) { check(ConvolutionCases.conv1dStoredTypes(dtype)) }
  @Test func snakeEpilogue() { check(ConvolutionCases.snakeEpilogue) }
  @Test func conv1dToOneChannel() { check(ConvolutionCases.conv1dToOneChannel) }
  @Test func conv1dLikeLinear() { check(ConvolutionCases.conv1dLikeLinear) }
  @Test(arguments: [DType.f32, .f16, .i8])
  func convTranspose1d(dtype: DType) { check(ConvolutionCases.convTranspose1d(dtype)) }
  @Test func depthwiseConv1d() { check(ConvolutionCases.depthwiseConv1d) }
  @Test func conv2d() { check(ConvolutionCases.conv2d) }
  @Test func depthwiseConv2d() { check(ConvolutionCases.depthwiseConv2d) }
  @Test func pooling() { check(ConvolutionCases.pooling) }
  @Test func emptyBatches() { check(ConvolutionCases.emptyBatches) }
}
