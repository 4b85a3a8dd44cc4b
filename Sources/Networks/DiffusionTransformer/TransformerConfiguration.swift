/// The sizes of a diffusion transformer; everything else about it is fixed by its family.
public struct TransformerConfiguration: Sendable, Hashable, Codable {
  /// Channels of a token inside the network.
  public var width: Int
  /// Attention heads; divides `width` into heads of an even number of channels.
  public var heads: Int
  public var tripleBlocks: Int
  public var singleBlocks: Int
  /// Channels of a latent.
  public var latentChannels: Int
  /// Channels of a text state, of a visual feature and of a sync feature.
  public var textWidth: Int
  public var visualWidth: Int
  public var syncWidth: Int

  public init(
    width: Int, heads: Int, tripleBlocks: Int, singleBlocks: Int, latentChannels: Int,
    textWidth: Int, visualWidth: Int, syncWidth: Int
  ) {
    self.width = width
    self.heads = heads
    self.tripleBlocks = tripleBlocks
    self.singleBlocks = singleBlocks
    self.latentChannels = latentChannels
    self.textWidth = textWidth
    self.visualWidth = visualWidth
    self.syncWidth = syncWidth
  }

  /// The published checkpoint of 2.9 billion parameters.
  public static let xl = TransformerConfiguration(
    width: 1408, heads: 11, tripleBlocks: 12, singleBlocks: 24, latentChannels: 128,
    textWidth: 768, visualWidth: 768, syncWidth: 768)

  /// The published checkpoint of 5.1 billion parameters.
  public static let xxl = TransformerConfiguration(
    width: 1536, heads: 12, tripleBlocks: 18, singleBlocks: 36, latentChannels: 128,
    textWidth: 768, visualWidth: 768, syncWidth: 768)

  public var headWidth: Int { width / heads }

  /// Hidden channels of the MLPs in the triple blocks.
  var feedForwardWidth: Int { 4 * width }

  /// Hidden channels of the gated convolutional MLPs: two thirds of the plain width, since there are
  /// three matrices instead of two, rounded up to a multiple of 256.
  var gatedWidth: Int { (2 * feedForwardWidth / 3 + 255) / 256 * 256 }

  /// Rows of the learned table added to each segment of sync features.
  static let syncSegment = 8
  /// Channels of the sinusoid that describes the time.
  static let timeChannels = 256
}
