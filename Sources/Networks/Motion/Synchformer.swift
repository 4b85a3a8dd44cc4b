import Checkpoints
import Tensors

/// The visual side of Synchformer: how things move in short segments of a video, from a MotionFormer
/// with divided space-time attention whose tokens are then gathered into one for each pair of frames.
///
/// Legend: S segments, F pairs of frames in a segment (8), P patches of a frame (196), D width.
public struct Synchformer: Sendable {
  /// Frames for each second that it was trained on.
  public static let rate = 25
  private static let epsilon: Float = 1e-6
  private static let framesOfPair = 2

  public let width: Int
  /// Width and height of a frame.
  public let side: Int
  /// F: pairs of frames in a segment, and tokens that become of it.
  public let pairs: Int
  private let places: Int
  private let embedding: Conv2d
  /// What stands for the whole segment, its position added, [1, 1, D].
  private let first: Tensor
  /// Added to the tokens of a segment, [F · P, D].
  private let positions: Tensor
  private let blocks: [DividedBlock]
  private let norm: LayerNorm
  private let aggregation: SpatialAggregation

  /// Frames of a segment (16); the next one begins half as many later.
  public var segmentFrames: Int { Synchformer.framesOfPair * pairs }
  public var segmentStep: Int { segmentFrames / 2 }

  /// Reads `vfeat_extractor.*` of the published checkpoint; sizes are those of its tensors.
  ///
  /// - Parameter heads: attention heads, of which a checkpoint says nothing; nil: of 64 channels each, as
  ///   published, and two in networks too narrow for that, which only tests have.
  public init(_ weights: Weights, heads: Int? = nil) throws(CheckpointError) {
    let extractor = weights["vfeat_extractor"]
    let sizes = try Sizes(extractor, heads: heads)
    let (width, patch) = (sizes.width, sizes.patch)
    self.width = width
    pairs = sizes.pairs
    places = sizes.places
    side = sizes.grid * patch
    embedding = try Conv2d(pairsOfFrames: extractor["patch_embed_3d.proj"], to: width, patch: patch)
    (first, positions) = try sizes.positions(extractor)

    var blocks: [DividedBlock] = []
    while blocks.isEmpty || extractor["blocks"][blocks.count].contains("norm1.weight") {
      blocks.append(
        try DividedBlock(
          extractor["blocks"][blocks.count], width: width, heads: sizes.heads, frames: pairs,
          places: places, epsilon: Synchformer.epsilon))
    }
    self.blocks = blocks
    norm = try LayerNorm(extractor["norm"], width: width, epsilon: Synchformer.epsilon)
    aggregation = try SpatialAggregation(
      extractor["spatial_attn_agg"], width: width, heads: sizes.heads, epsilon: Synchformer.epsilon)
    // For single frames; the original makes it and does not use it.
    extractor.ignore(below: "patch_embed")
    // The audio side, and the transformer that compares the two.
    for part in ["afeat_extractor", "aproj", "vproj", "transformer"] { weights.ignore(below: part) }
  }

  /// Pairs of frames to tokens without positions: they do not depend on the segment they are in.
  ///
  /// - Parameter frames: [pairs, side, side, 6]: red green blue of the earlier frame, then of the later
  ///   one, -1...1.
  /// - Returns: [pairs, P, D]
  public func embed(_ frames: Tensor) -> Tensor {
    precondition(frames.shape == [frames.shape[0], side, side, 6], "pairs \(frames.shape)")
    return embedding(frames).reshaped([frames.shape[0], places, width])
  }

  /// - Parameters:
  ///   - tokens: the embedded pairs of each segment, [S, F · P, D].
  ///   - observe: told of `block_0` [S, 1 + F · P, D] and `norm` [S, F · P, D].
  /// - Returns: [S, F, D]
  public func callAsFunction(
    _ tokens: Tensor, observe: DiffusionTransformer.Observer? = nil
  ) -> Tensor {
    let segments = tokens.shape[0]
    let shape: Shape = [segments, pairs * places, width]
    precondition(tokens.shape == shape, "segments of tokens \(tokens.shape)")
    let backend = tokens.backend
    let everyone = backend.rowIndex((0..<segments).flatMap { _ in 0..<pairs * places })
    let firsts = backend.rowIndex([Int](repeating: 0, count: segments))
    var x = concatenatedRows([
      first.view.picking(rows: firsts).copied().reshaped([segments, 1, width]).view,
      (tokens + positions.view.picking(rows: everyone)).view,
    ])
    for (index, block) in blocks.enumerated() {
      x = block(x)
      if index == 0 { observe?("block_0", x) }
    }
    let rest = (0..<segments).flatMap { segment in
      (1...pairs * places).map { segment * (1 + pairs * places) + $0 }
    }
    x = norm(x.view.picking(rows: backend.rowIndex(rest)).copied())
    observe?("norm", x.reshaped(shape))
    return aggregation(x.reshaped([segments * pairs, places, width]))
      .reshaped([segments, pairs, width])
  }
}

/// What the shapes of the tensors say.
private struct Sizes {
  let width, heads, places, grid, pairs, patch: Int

  init(_ extractor: Weights, heads: Int?) throws(CheckpointError) {
    let file = extractor.file
    func shape(_ name: String, _ rank: Int, _ expected: String) throws(CheckpointError) -> Shape {
      let shape = try extractor.host(name).shape
      guard shape.rank == rank, shape.dimensions.allSatisfy({ $0 > 0 }) else {
        throw .invalidValue(
          file: file, key: extractor.key(name), expected: expected, found: "of shape \(shape)")
      }
      return shape
    }
    width = try shape("cls_token", 3, "of shape [1, 1, width]")[2]
    patch = try shape("patch_embed_3d.proj.weight", 5, "of shape [width, 3, 2, patch, patch]")[4]
    pairs = try shape("temp_embed", 3, "of shape [1, pairs of frames, width]")[1]
    places = try shape("pos_embed", 3, "of shape [1, 1 + patches, width]")[1] - 1
    grid = Int(Double(places).squareRoot().rounded())
    guard grid > 0, grid * grid == places else {
      throw .invalidValue(
        file: file, key: extractor.key("pos_embed"), expected: "positions of a square of patches",
        found: "\(places) positions")
    }
    self.heads = heads ?? max(2, width / 64)
    guard width % self.heads == 0 else {
      throw .invalidValue(
        file: file, key: extractor.key("cls_token"),
        expected: "a width that \(self.heads) heads divide", found: "of width \(width)")
    }
  }

  /// The first token at its position, [1, D], and the sum of place and time for the others,
  /// [pairs · places, D].
  func positions(_ extractor: Weights) throws(CheckpointError) -> (first: Tensor, others: Tensor) {
    let backend = extractor.backend
    let token = try extractor.vector("cls_token", [1, 1, width]).reshaped([1, width])
    let space = try extractor.vector("pos_embed", [1, 1 + places, width])
      .reshaped([1 + places, width])
    let time = try extractor.vector("temp_embed", [1, pairs, width]).reshaped([pairs, width])
    let (places, pairs) = (places, pairs)
    let placed = space[1..<1 + places].view.picking(
      rows: backend.rowIndex((0..<pairs).flatMap { _ in 0..<places })
    ).copied()
    let timed = time.view.picking(
      rows: backend.rowIndex((0..<pairs).flatMap { [Int](repeating: $0, count: places) }))
    return (token + space[0..<1], placed + timed)
  }
}

extension Conv2d {
  /// A convolution over two frames and a patch that moves by whole patches: the frames' channels lie side
  /// by side. Reads `weight` [out, 3, 2, patch, patch] and `bias`.
  fileprivate init(
    pairsOfFrames weights: Weights, to output: Int, patch: Int
  ) throws(CheckpointError) {
    let stored = try weights.host("weight", [output, 3, 2, patch, patch])
    try self.init(
      weight: weights.backend.upload(
        stored.permuted([0, 3, 4, 2, 1]).reshaped([output, patch, patch, 6])),
      bias: weights.vector("bias", [output]), Convolution2D(stride: patch))
  }
}
