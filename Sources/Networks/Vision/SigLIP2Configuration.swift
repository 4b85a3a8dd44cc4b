import Tensors

/// The sizes of a SigLIP2 vision tower: `vision_config` of the published `config.json`. What is not
/// said there is as in the base model of the library that wrote it.
public struct SigLIP2Configuration: Sendable, Hashable {
  /// Channels of a token, and of the result.
  public var width = 768
  /// Hidden channels of the MLPs.
  public var hidden = 3072
  public var layers = 12
  public var heads = 12
  /// Width and height of a picture.
  public var imageSize = 224
  /// Width and height of the patch that becomes a token.
  public var patchSize = 16
  public var epsilon: Float = 1e-6
  public var activation = Activation.geluTanh

  /// google/siglip2-base-patch16-512.
  public static let base512 = {
    var configuration = SigLIP2Configuration()
    configuration.imageSize = 512
    return configuration
  }()

  public init() {}

  /// Patches along one side; pixels that make no whole patch are not seen.
  public var grid: Int { imageSize / patchSize }
  public var tokens: Int { grid * grid }
}

extension SigLIP2Configuration: Decodable {
  private enum CodingKeys: String, CodingKey {
    case width = "hidden_size"
    case hidden = "intermediate_size"
    case layers = "num_hidden_layers"
    case heads = "num_attention_heads"
    case imageSize = "image_size"
    case patchSize = "patch_size"
    case epsilon = "layer_norm_eps"
    case activation = "hidden_act"
    case channels = "num_channels"
  }

  /// - Throws: `DecodingError` naming the key whose value no tower can have.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func read<Value: Decodable>(
      _ key: CodingKeys, into value: inout Value, _ expected: String, where holds: (Value) -> Bool
    ) throws {
      guard let found = try values.decodeIfPresent(Value.self, forKey: key) else { return }
      guard holds(found) else {
        throw DecodingError.dataCorruptedError(
          forKey: key, in: values,
          debugDescription: "'\(key.rawValue)' is \(found), expected \(expected)")
      }
      value = found
    }
    self.init()
    try read(.width, into: &width, "1 to 16384") { (1...16384).contains($0) }
    try read(.hidden, into: &hidden, "1 to 65536") { (1...65536).contains($0) }
    try read(.layers, into: &layers, "1 to 1000") { (1...1000).contains($0) }
    try read(.imageSize, into: &imageSize, "1 to 4096") { (1...4096).contains($0) }
    let (width, imageSize) = (width, imageSize)
    try read(.heads, into: &heads, "a divisor of the \(width) channels") {
      $0 > 0 && width % $0 == 0
    }
    try read(.patchSize, into: &patchSize, "1 to \(imageSize)") { (1...imageSize).contains($0) }
    try read(.epsilon, into: &epsilon, "a small positive number") { $0 > 0 && $0 < 1 }
    var channels = 3
    try read(.channels, into: &channels, "3") { $0 == 3 }
    var name = "gelu_pytorch_tanh"
    let names = ["gelu_pytorch_tanh": Activation.geluTanh, "gelu": .geluErf]
    try read(.activation, into: &name, "one of \(names.keys.sorted())") { names[$0] != nil }
    activation = names[name]!
  }
}
