import CCuda
import CUDADevice
import Tensors

extension CUDABackend {
  public func attention(
    query: View, key: View, value: View, heads: Int, scale: Float, keyLengths: [Int]?
  ) -> Tensor {
    let batch = key.tensor.shape.rank == 3 ? key.tensor.shape[0] : 1
    let operation = Operation(self)
    guard batch > 0, query.rows > 0, query.channels > 0 else {
      return operation.result(query.tensor.shape.withChannels(query.channels))
    }
    var (p, result) = operands(query, key, value, batch: batch, heads: heads, scale, operation)
    if let keyLengths {
      p.keyLengths = operation.pointer(to: rowIndex(keyLengths)).assumingMemoryBound(
        to: Int32.self)
    }
    p.groups = 1
    p.queries = Int32(query.rows / batch)
    p.keys = Int32(key.rows / batch)
    (p.queryStep, p.keyStep) = (1, 1)
    let keys = keyLengths?.reduce(0, +) ?? key.rows
    work.add(.float, 4 * Int(p.queries) * keys * query.channels)
    attend(p, operation)
    return result
  }

  public func dividedAttention(
    query: View, key: View, value: View, heads: Int, scale: Float, division: TokenDivision
  ) -> Tensor {
    let batch = query.rows / division.tokens
    let operation = Operation(self)
    guard batch > 0, query.channels > 0 else {
      return operation.result(query.tensor.shape.withChannels(query.channels))
    }
    let (whole, result) = operands(
      query, key, value, batch: batch, heads: heads, scale, operation)

    // The first token sees all, the others those of their group.
    var first = whole
    (first.groups, first.queries, first.keys) = (1, 1, Int32(division.tokens))
    (first.queryStep, first.keyStep) = (1, 1)
    attend(first, operation)

    var groups = whole
    groups.groups = Int32(division.groups)
    groups.queries = Int32(division.members)
    groups.keys = Int32(1 + division.members)
    groups.leading = 1
    (groups.queryFirst, groups.keyFirst) = (
      Int32(division.start(of: 0)), Int32(division.start(of: 0))
    )
    let fromGroupToGroup = Int32(division.start(of: 1) - division.start(of: 0))
    (groups.queryGroup, groups.keyGroup) = (fromGroupToGroup, fromGroupToGroup)
    (groups.queryStep, groups.keyStep) = (Int32(division.step), Int32(division.step))
    attend(groups, operation)
    return result
  }

  /// Where queries, keys and values are, and the result.
  ///
  /// Values that have passed through bf16 products, in heads that the tiled kernels take, are multiplied in
  /// bf16, too; others in f32.
  private func operands(
    _ query: View, _ key: View, _ value: View, batch: Int, heads: Int, _ scale: Float,
    _ operation: Operation
  ) -> (FoleyCudaAttention, Tensor) {
    var p = FoleyCudaAttention()
    p.batch = Int32(batch)
    p.heads = Int32(heads)
    p.depth = Int32(query.channels / heads)
    p.scale = scale
    precondition(
      p.depth <= FoleyCudaPlainAttentionDepth, "attention with heads of \(p.depth) channels")
    let isTiled = isRounded(value.tensor) && [32, 64, 128].contains(p.depth)
    func operand(_ view: View) -> FoleyCudaView {
      guard isTiled else { return operation.view(view) }
      return FoleyCudaView(
        base: operation.halves(view), index: nil, stride: Int64(view.channels),
        storage: Int32(FoleyCudaBF16))
    }
    let (q, k, v) = (operand(query), operand(key), operand(value))
    (p.query, p.queryStride, p.queryStorage) = (q.base, q.stride, q.storage)
    (p.key, p.keyStride, p.keyStorage) = (k.base, k.stride, k.storage)
    (p.value, p.valueStride, p.valueStorage) = (v.base, v.stride, v.storage)
    p.queryEntry = Int64(query.rows / batch) * q.stride
    p.keyEntry = Int64(key.rows / batch) * k.stride
    p.valueEntry = Int64(value.rows / batch) * v.stride
    let result = operation.result(query.tensor.shape.withChannels(query.channels))
    let out = operation.target(result)
    (p.out, p.outStride, p.outStorage) = (out.base, out.stride, out.storage)
    p.outEntry = Int64(query.rows / batch) * out.stride
    return (p, result)
  }

  private func attend(_ p: FoleyCudaAttention, _ operation: Operation) {
    var p = p
    guard foley_cuda_attention_is_tiled(&p) != 0 else {
      return operation.launch(
        kernels.plainAttention, p, foley_cuda_launch_attention_plain(&p))
    }
    let kernel =
      p.depth == 32
      ? kernels.attention32 : p.depth == 64 ? kernels.attention64 : kernels.attention128
    operation.launch(kernel, p, foley_cuda_launch_attention(&p))
  }
}
