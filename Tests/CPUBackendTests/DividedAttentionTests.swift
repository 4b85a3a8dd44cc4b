import Tensors
import TestSupport
import Testing

@Suite struct DividedAttentionTests {
  @Test(arguments: TokenDivision.Group.allCases)
  func agrees(group: TokenDivision.Group) { check(DividedAttentionCases.agrees(group)) }
  /// With one group every token sees all others, whichever way the tokens are divided.
  @Test func oneGroupIsPlainAttention() {
    for (_, variants) in backends {
      let backend = variants[0]
      let packed = backend.noise([2, 20, 3 * 64])
      let (q, k, v) = (packed.chunk(0, of: 3), packed.chunk(1, of: 3), packed.chunk(2, of: 3))
      let plain = q.attend(keys: k, values: v, heads: 2).floats()
      for division in [
        TokenDivision(frames: 1, places: 19, group: .frame),
        TokenDivision(frames: 19, places: 1, group: .place),
      ] {
        let divided = q.attend(keys: k, values: v, heads: 2, division: division).floats()
        #expect(relativeErrors(divided, plain).norm < 1e-6, "\(division)")
      }
    }
  }
  @Test func noVideos() { check(DividedAttentionCases.noVideos) }
}
