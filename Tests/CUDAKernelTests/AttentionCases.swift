import CUDAEmulation
import Tensors

/// Softmax attention by the kernels for its depth or the one for any.
struct AttentionCase {
  var depth: Int
  var heads = 2
  var batch = 1
  var queries: Int
  var keys: Int
  var plain = false
  var storage = Storage.bf16
  var out = Storage.f32
  var lengths: [Int]?
  var scale: Float?

  private var what: String {
    "attention \(batch) x \(heads) x \(depth), \(queries) to \(keys) \(lengths ?? []), \(storage) to "
      + "\(out)\(plain ? ", plain" : "")"
  }

  /// Queries of a packed projection of three parts, keys and values of one of two.
  func made() -> KernelCase {
    let width = heads * depth
    let packed = Operand([batch, queries, 3 * width], storage, seed: 1, scale: 2)
    let keyValue = Operand([batch, keys, 2 * width], storage, seed: 2)
    let lengthMemory = lengths.map { EmulatedMemory($0.map { Int32($0) }) }
    let expected = packed.tensor.chunk(1, of: 3).attend(
      keys: keyValue.tensor.chunk(0, of: 2), values: keyValue.tensor.chunk(1, of: 2), heads: heads,
      scale: scale, keyLengths: lengths)
    var p = FoleyCudaAttention()
    p.query = UnsafeRawPointer(packed.memory.base + width * storage.size)
    p.key = UnsafeRawPointer(keyValue.memory.base)
    p.value = UnsafeRawPointer(keyValue.memory.base + width * storage.size)
    (p.queryStride, p.queryEntry) = (Int64(3 * width), Int64(queries * 3 * width))
    (p.keyStride, p.keyEntry) = (Int64(2 * width), Int64(keys * 2 * width))
    (p.valueStride, p.valueEntry) = (Int64(2 * width), Int64(keys * 2 * width))
    (p.outStride, p.outEntry) = (Int64(width), Int64(queries * width))
    p.keyLengths = lengthMemory.map { UnsafePointer($0.base.assumingMemoryBound(to: Int32.self)) }
    (p.groups, p.queries, p.keys) = (1, Int32(queries), Int32(keys))
    (p.queryStep, p.keyStep) = (1, 1)
    return finished(p, nil, expected) { withExtendedLifetime((packed, keyValue, lengthMemory)) {} }
  }

  /// Attention of the tokens of videos inside the groups of a division: the first token of each by itself, then all
  /// others. `queries` and `keys` do not count.
  func divided(_ division: TokenDivision) -> KernelCase {
    let (width, tokens) = (heads * depth, division.tokens)
    let packed = Operand([batch, tokens, 3 * width], storage, seed: 1, scale: 2)
    let expected = packed.tensor.chunk(0, of: 3).attend(
      keys: packed.tensor.chunk(1, of: 3), values: packed.tensor.chunk(2, of: 3), heads: heads,
      division: division)
    var first = FoleyCudaAttention()
    first.query = UnsafeRawPointer(packed.memory.base)
    first.key = UnsafeRawPointer(packed.memory.base + width * storage.size)
    first.value = UnsafeRawPointer(packed.memory.base + 2 * width * storage.size)
    for stride in [\FoleyCudaAttention.queryStride, \.keyStride, \.valueStride] {
      first[keyPath: stride] = Int64(3 * width)
    }
    for entry in [\FoleyCudaAttention.queryEntry, \.keyEntry, \.valueEntry] {
      first[keyPath: entry] = Int64(tokens * 3 * width)
    }
    (first.outStride, first.outEntry) = (Int64(width), Int64(tokens * width))
    (first.groups, first.queries, first.keys) = (1, 1, Int32(tokens))
    (first.queryStep, first.keyStep) = (1, 1)
    var rest = first
    rest.groups = Int32(division.groups)
    rest.queries = Int32(division.members)
    rest.keys = Int32(1 + division.members)
    rest.leading = 1
    let step = Int32(division.step)
    let group = Int32(division.start(of: division.groups > 1 ? 1 : 0) - division.start(of: 0))
    (rest.queryFirst, rest.queryGroup, rest.queryStep) = (1, group, step)
    (rest.keyFirst, rest.keyGroup, rest.keyStep) = (1, group, step)
    return finished(first, rest, expected) { withExtendedLifetime(packed) {} }
  }

  private func finished(
    _ first: FoleyCudaAttention, _ second: FoleyCudaAttention?, _ expected: Tensor,
    keeping: @escaping () -> Void
  ) -> KernelCase {
    // The weights of a tile of keys are rounded to bf16. Large scores have fewer digits behind the point.
    KernelCase(
      what: what, expected: expected.floats(),
      tolerance: max(plain ? (scale == nil ? 2e-6 : 2e-5) : 3e-3, out.tolerance)
    ) { variation in
      let result = Target(expected.shape.count, width: heads * depth, out)
      for call in [first] + (second.map { [$0] } ?? []) {
        var p = call
        (p.batch, p.heads, p.depth) = (Int32(batch), Int32(heads), Int32(depth))
        p.queryStorage = storage.rawValue
        p.keyStorage = storage.rawValue
        p.valueStorage = storage.rawValue
        p.out = result.memory.base
        p.outStorage = out.rawValue
        p.scale = scale ?? 1 / Float(depth).squareRoot()
        if plain {
          try launch(
            "foley_attention_plain", p, foley_cuda_launch_attention_plain(&p), variation)
        } else {
          precondition(foley_cuda_attention_is_tiled(&p) != 0, what)
          try launch("foley_attention_\(depth)", p, foley_cuda_launch_attention(&p), variation)
          guard foley_emulated_bank_conflicts() == 0 else {
            throw EmulationFault(description: "\(foley_emulated_bank_conflicts()) bank conflicts")
          }
        }
      }
      keeping()
      return result.values
    }
  }
}
