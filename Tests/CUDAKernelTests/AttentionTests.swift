import Tensors
import Testing

@Suite struct AttentionTests {
  @Test(arguments: [32, 64, 128]) func heads(depth: Int) {
    // Less than a tile, a whole one, more than two; one query, one key.
    for (queries, keys) in [(1, 1), (5, 9), (64, 64), (70, 150), (1, 200)] {
      AttentionCase(depth: depth, batch: 2, queries: queries, keys: keys).made().check()
    }
    AttentionCase(depth: depth, heads: 3, queries: 20, keys: 65, out: .bf16).made().check()
  }

  @Test(arguments: [32, 64, 128]) func keyLengths(depth: Int) {
    AttentionCase(depth: depth, batch: 4, queries: 10, keys: 130, lengths: [130, 1, 64, 0])
      .made().check()
    AttentionCase(depth: depth, batch: 2, queries: 3, keys: 70, lengths: [69, 65]).made().check()
  }

  /// Scores so large that one key has all the weight, and that an exponential without its maximum would be infinite.
  @Test func largeScores() {
    AttentionCase(depth: 64, queries: 20, keys: 140, scale: 8).made().check()
    AttentionCase(depth: 24, queries: 5, keys: 140, plain: true, scale: 40).made().check()
  }

  @Test func anyHead() {
    for (depth, storage) in [(8, Storage.f32), (15, .f32), (24, .bf16), (128, .f32), (200, .bf16)] {
      AttentionCase(
        depth: depth, batch: 2, queries: 3, keys: 140, plain: true, storage: storage
      ).made().check()
    }
    AttentionCase(
      depth: 8, batch: 3, queries: 4, keys: 9, plain: true, out: .bf16, lengths: [9, 0, 3]
    )
    .made().check()
  }

  @Test(arguments: TokenDivision.Group.allCases) func divided(group: TokenDivision.Group) {
    for (frames, places) in [(8, 9), (2, 66), (1, 5), (4, 1)] {
      let division = TokenDivision(frames: frames, places: places, group: group)
      AttentionCase(depth: 32, batch: 2, queries: 0, keys: 0).divided(division).check()
      AttentionCase(
        depth: 6, batch: 2, queries: 0, keys: 0, plain: true, storage: .f32
      ).divided(division).check()
    }
  }
}
