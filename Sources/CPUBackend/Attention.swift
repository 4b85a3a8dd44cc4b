import CKernels
import Tensors

extension CPUBackend {
  public func attention(
    query: View, key: View, value: View, heads: Int, scale: Float, keyLengths: [Int]?
  ) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let width = query.channels
    let (tensor, out) = result(query.tensor.shape.withChannels(width))
    let batch = key.tensor.shape.rank == 3 ? key.tensor.shape[0] : 1
    guard batch > 0, heads > 0, query.rows > 0, width > 0 else { return tensor }
    let queries = query.rows / batch
    let keys = key.rows / batch
    work.add(.float, 4 * queries * (keyLengths?.reduce(0, +) ?? batch * keys) * width)
    let description = FoleyAttention(
      query: operands.floats(query.tensor) + query.columns.lowerBound,
      key: operands.floats(key.tensor) + key.columns.lowerBound,
      value: operands.floats(value.tensor) + value.columns.lowerBound,
      queryStride: query.tensor.channels, keyStride: key.tensor.channels,
      valueStride: value.tensor.channels, queries: queries, keys: keys, depth: width / heads,
      scale: scale, out: out, outStride: width)

    // Every block of queries packs the keys and values of its head again, so blocks are only made where
    // there are too few heads to occupy the threads.
    let blocks =
      batch * heads >= 4 * threads.count || threads.count == 1
      ? 1 : min((queries + 63) / 64, 4 * threads.count / (batch * heads) + 1)
    withUnsafePointer(to: description) { description in
      let attention = kernels.pointee.attention
      let scratch = kernels.pointee.attentionScratch(description)
      eachTask(batch * heads * blocks, scratch: scratch) { task, scratch in
        let (head, block) = (task / blocks % heads, task % blocks)
        let entry = task / blocks / heads
        attention(
          description, entry, head, keyLengths?[entry] ?? keys, queries * block / blocks,
          queries * (block + 1) / blocks, scratch)
      }
    }
    return tensor
  }
}
