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
      scale: scale, out: out, outStride: width, sharedKey: nil, sharedValue: nil)

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

  public func dividedAttention(
    query: View, key: View, value: View, heads: Int, scale: Float, division: TokenDivision
  ) -> Tensor {
    let operands = Operands(self)
    defer { withExtendedLifetime(operands) {} }
    let width = query.channels
    let (tensor, out) = result(query.tensor.shape.withChannels(width))
    let entries = query.rows / division.tokens
    guard entries > 0, width > 0 else { return tensor }
    let whole = FoleyAttention(
      query: operands.floats(query.tensor) + query.columns.lowerBound,
      key: operands.floats(key.tensor) + key.columns.lowerBound,
      value: operands.floats(value.tensor) + value.columns.lowerBound,
      queryStride: query.tensor.channels, keyStride: key.tensor.channels,
      valueStride: value.tensor.channels, queries: 1, keys: division.tokens,
      depth: width / heads, scale: scale, out: out, outStride: width, sharedKey: nil,
      sharedValue: nil)

    // First the heads of the first tokens, then those of the groups; small ones several at a time.
    let firsts = entries * heads
    let units = entries * division.groups * heads
    let share = max(1, 16384 / (division.members * (division.members + 1)))
    let (attention, scratch) = (kernels.pointee.attention, kernels.pointee.attentionScratch)
    let floats = withUnsafePointer(to: whole) { scratch($0) }
    eachTask(firsts + (units + share - 1) / share, scratch: floats) { task, scratch in
      if task < firsts {
        var first = whole.tokens(of: task / heads, division, from: 0, step: 1)
        first.queries = 1
        return attention(&first, 0, task % heads, division.tokens, 0, 1, scratch)
      }
      for unit in (task - firsts) * share..<min(units, (task - firsts + 1) * share) {
        let (entry, index) = (unit / heads / division.groups, unit / heads % division.groups)
        var group = whole.tokens(
          of: entry, division, from: division.start(of: index), step: division.step)
        let start = entry * division.tokens
        group.sharedKey = whole.key + start * whole.keyStride
        group.sharedValue = whole.value + start * whole.valueStride
        group.queries = division.members
        group.keys = division.members
        attention(&group, 0, unit % heads, division.members, 0, division.members, scratch)
      }
    }
    return tensor
  }
}

extension FoleyAttention {
  /// The same over every `step`-th token of one video, from token `first` on.
  fileprivate func tokens(
    of entry: Int, _ division: TokenDivision, from first: Int, step: Int
  ) -> FoleyAttention {
    let start = entry * division.tokens + first
    var part = self
    part.query += start * queryStride
    part.key += start * keyStride
    part.value += start * valueStride
    part.out += start * outStride
    part.queryStride *= step
    part.keyStride *= step
    part.valueStride *= step
    part.outStride *= step
    return part
  }
}
