import Tensors

/// Attention inside groups of tokens.
public enum DividedAttentionCases {
  /// Depths and group sizes around the kernels' vectors and tiles; one video, several, and packed
  /// projections whose rows are a power of two apart.
  public static func agrees(_ group: TokenDivision.Group) -> [OperationCase] {
    OperationCase.list { compare in
      for (frames, places, depth, heads) in [
        (1, 1, 7, 1), (8, 3, 64, 2), (2, 31, 24, 2), (3, 64, 16, 1), (5, 47, 40, 3), (8, 49, 64, 4),
      ] {
        let division = TokenDivision(frames: frames, places: places, group: group)
        for batch in [1, 3] {
          compare(2e-6, "\(batch) of \(frames) x \(places), \(heads) heads of \(depth)") {
            let packed = $0.noise([batch, division.tokens, 3 * heads * depth])
            return packed.chunk(0, of: 3).attend(
              keys: packed.chunk(1, of: 3), values: packed.chunk(2, of: 3), heads: heads,
              division: division)
          }
        }
      }
    }
  }

  public static var noVideos: [OperationCase] {
    OperationCase.list { compare in
      compare(0) {
        let packed = $0.noise([0, 7, 3 * 8])
        return packed.chunk(0, of: 3).attend(
          keys: packed.chunk(1, of: 3), values: packed.chunk(2, of: 3), heads: 1,
          division: TokenDivision(frames: 2, places: 3, group: .frame))
      }
    }
  }
}
