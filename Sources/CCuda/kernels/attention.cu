// Softmax attention per head, without a matrix of scores: keys pass by in tiles, and what was summed under a
// smaller maximum is scaled down when a larger one turns up.

#include "elements.h"

/// What a block works on: some queries of one head in one group of one batch entry.
struct AttentionPlace {
  int entry, group, head, tile;
  int keys;  // those that are seen

  INLINE AttentionPlace(const FoleyCudaAttention &p, int tiles) {
    unsigned rest = blockIdx.x;
    tile = rest % tiles;
    rest /= tiles;
    head = rest % p.heads;
    rest /= p.heads;
    group = rest % p.groups;
    entry = rest / p.groups;
    keys = p.keyLengths ? load_global(p.keyLengths + entry) : p.keys;
  }
  INLINE int64_t query_row(const FoleyCudaAttention &p, int i) const {
    return p.queryFirst + (int64_t)group * p.queryGroup + (int64_t)i * p.queryStep;
  }
  INLINE int64_t key_row(const FoleyCudaAttention &p, int j) const {
    return j < p.leading ? j : p.keyFirst + (int64_t)group * p.keyGroup + (int64_t)(j - p.leading) * p.keyStep;
  }
  INLINE int64_t query_start(const FoleyCudaAttention &p, int i) const {
    return entry * p.queryEntry + query_row(p, i) * p.queryStride + head * p.depth;
  }
  INLINE int64_t key_start(const FoleyCudaAttention &p, int j) const {
    return entry * p.keyEntry + key_row(p, j) * p.keyStride + head * p.depth;
  }
  INLINE int64_t value_start(const FoleyCudaAttention &p, int j) const {
    return entry * p.valueEntry + key_row(p, j) * p.valueStride + head * p.depth;
  }
  INLINE int64_t out_start(const FoleyCudaAttention &p, int i) const {
    return entry * p.outEntry + query_row(p, i) * p.outStride + head * p.depth;
  }
};

// MARK: Heads of 32, 64 and 128 channels in bf16

/// Where 16 bytes of a row of Depth elements lie: exchanged from row to row so that the eight rows a matrix
/// load reads lie in different banks.
template <int Depth> INLINE int row_chunk(int row, int chunk) {
  constexpr int chunks = Depth / 8;
  const int turn = chunks >= 8 ? row & 7 : row >> 1 & 3;
  return (row * chunks + (chunk ^ turn)) * 16;
}

/// Copies a tile of rows: `start(row)` is where a row begins, of those below `count`; zeros for the others,
/// because what is not a number would stay so times a weight of 0.
template <int Depth, class Start>
INLINE void copy_rows(unsigned char *tile, const void *base, int first, int count, Start start) {
  constexpr int chunks = Depth / 8;
#pragma unroll
  for (int i = 0; i < FoleyCudaAttentionTile * chunks / FoleyCudaAttentionThreads; i++) {
    const int index = i * FoleyCudaAttentionThreads + (int)threadIdx.x;
    const int row = index / chunks, chunk = index % chunks;
    const bool valid = below(first + row, count);
    const uint16_t *from = (const uint16_t *)base + (valid ? start(first + row) + chunk * 8 : 0);
    copy_async(tile + row_chunk<Depth>(row, chunk), from, valid);
  }
}

/// Four warps, each with 16 queries whose scores, weights and sums stay in its registers.
template <int Depth> INLINE void attend(const FoleyCudaAttention &p) {
  constexpr int tileRows = FoleyCudaAttentionTile;
  constexpr int tileBytes = tileRows * Depth * 2;
  const int tiles = (p.queries + tileRows - 1) / tileRows;
  const AttentionPlace place(p, tiles);
  const int lane = threadIdx.x % FoleyCudaWarp, warp = threadIdx.x / FoleyCudaWarp;
  const int firstQuery = place.tile * tileRows;
  unsigned char *shared = dynamic_shared();
  const int keyTiles = (place.keys + tileRows - 1) / tileRows;

  // Two tiles of keys, two of values; the queries pass through the second tile of keys before it is needed.
  unsigned char *keyTile[2] = {shared, shared + tileBytes};
  unsigned char *valueTile[2] = {shared + 2 * tileBytes, shared + 3 * tileBytes};
  const auto copy_keys = [&](int tile, int stage) {
    copy_rows<Depth>(
        stage ? keyTile[1] : keyTile[0], p.key, tile * tileRows, place.keys,
        [&](int j) { return place.key_start(p, j); });
    copy_rows<Depth>(
        stage ? valueTile[1] : valueTile[0], p.value, tile * tileRows, place.keys,
        [&](int j) { return place.value_start(p, j); });
  };
  copy_rows<Depth>(
      keyTile[1], p.query, firstQuery, p.queries, [&](int i) { return place.query_start(p, i); });
  copy_async_commit();
  if (keyTiles > 0) copy_keys(0, 0);
  copy_async_commit();

  copy_async_wait(1);
  barrier();
  unsigned query[Depth / 16][4];
#pragma unroll
  for (int k = 0; k < Depth / 16; k++)
    load_matrices(query[k], keyTile[1] + row_chunk<Depth>(warp * 16 + lane % 16, 2 * k + lane / 16));

  float sums[Depth / 8][4];
#pragma unroll
  for (int j = 0; j < Depth / 8; j++)
    for (int k = 0; k < 4; k++) sums[j][k] = 0;
  // Of rows g and g + 8. Scores are in powers of two: one instruction less for each.
  float largest[2] = {minus_infinity(), minus_infinity()}, total[2] = {0, 0};
  const float scale = p.scale * 1.44269504088896341f;

#pragma unroll 1
  for (int tile = 0; tile < keyTiles; tile++) {
    const int stage = tile & 1;
    copy_async_wait(0);
    // This tile is here for all, and nobody reads the one before, or the queries, any more.
    barrier();
    if (tile + 1 < keyTiles) copy_keys(tile + 1, stage ^ 1);
    copy_async_commit();

    float scores[tileRows / 8][4];
#pragma unroll
    for (int j = 0; j < tileRows / 8; j++)
      for (int k = 0; k < 4; k++) scores[j][k] = 0;
    const unsigned char *keys = shared + stage * tileBytes;
#pragma unroll
    for (int k = 0; k < Depth / 16; k++)
#pragma unroll
      for (int j = 0; j < tileRows / 8; j += 2) {
        unsigned key[4];
        load_matrices(
            key, keys + row_chunk<Depth>(8 * j + lane % 8 + lane / 16 * 8, 2 * k + lane / 8 % 2));
        multiply_bf16(scores[j], query[k], key[0], key[1]);
        multiply_bf16(scores[j + 1], query[k], key[2], key[3]);
      }

    if ((tile + 1) * tileRows > place.keys) {
#pragma unroll
      for (int j = 0; j < tileRows / 8; j++)
        for (int k = 0; k < 4; k++) {
          const int key = tile * tileRows + 8 * j + lane % 4 * 2 + (k & 1);
          if (!below(key, place.keys)) scores[j][k] = minus_infinity();
        }
    }

#pragma unroll
    for (int half = 0; half < 2; half++) {
      float most = largest[half];
#pragma unroll
      for (int j = 0; j < tileRows / 8; j++)
        most = fmaxf(most, fmaxf(scores[j][2 * half], scores[j][2 * half + 1]));
      most = fmaxf(most, shuffle_xor(most, 1));
      most = fmaxf(most, shuffle_xor(most, 2));
      const float shrink = power_of_two((largest[half] - most) * scale);
      largest[half] = most;
      total[half] *= shrink;
#pragma unroll
      for (int j = 0; j < Depth / 8; j++) {
        sums[j][2 * half] *= shrink;
        sums[j][2 * half + 1] *= shrink;
      }
#pragma unroll
      for (int j = 0; j < tileRows / 8; j++)
        for (int k = 0; k < 2; k++) {
          const float weight = power_of_two((scores[j][2 * half + k] - most) * scale);
          scores[j][2 * half + k] = weight;
          total[half] += weight;
        }
    }

    // The scores of two tiles of 8 keys lie in a lane just as the left operand of the next product does.
    const unsigned char *values = shared + (2 + stage) * tileBytes;
#pragma unroll
    for (int k = 0; k < tileRows / 16; k++) {
      const unsigned weights[4] = {
          pack_bf16(scores[2 * k][0], scores[2 * k][1]), pack_bf16(scores[2 * k][2], scores[2 * k][3]),
          pack_bf16(scores[2 * k + 1][0], scores[2 * k + 1][1]),
          pack_bf16(scores[2 * k + 1][2], scores[2 * k + 1][3])};
#pragma unroll
      for (int j = 0; j < Depth / 8; j += 2) {
        unsigned value[4];
        load_matrices_transposed(
            value, values + row_chunk<Depth>(16 * k + lane % 16, j + lane / 16));
        multiply_bf16(sums[j], weights, value[0], value[1]);
        multiply_bf16(sums[j + 1], weights, value[2], value[3]);
      }
    }
  }

#pragma unroll
  for (int half = 0; half < 2; half++) {
    float sum = total[half];
    sum += shuffle_xor(sum, 1);
    sum += shuffle_xor(sum, 2);
    const float factor = keyTiles == 0 ? 0 : 1 / sum;
    const int query = firstQuery + warp * 16 + half * 8 + lane / 4;
    if (below(query, p.queries)) {
      const int64_t start = place.out_start(p, query) + lane % 4 * 2;
#pragma unroll
      for (int j = 0; j < Depth / 8; j++)
        store_two(
            p.out, p.outStorage, start + 8 * j, sums[j][2 * half] * factor,
            sums[j][2 * half + 1] * factor);
    }
  }
}

FOLEY_KERNEL(foley_attention_128, FoleyCudaAttention, FoleyCudaAttentionThreads, 2) { attend<128>(p); }
FOLEY_KERNEL(foley_attention_64, FoleyCudaAttention, FoleyCudaAttentionThreads, 3) { attend<64>(p); }
FOLEY_KERNEL(foley_attention_32, FoleyCudaAttention, FoleyCudaAttentionThreads, 4) { attend<32>(p); }

// MARK: Any head

/// One query a block, for heads of any width and storage: a thread takes a key, then a channel.
FOLEY_KERNEL(foley_attention_plain, FoleyCudaAttention, FoleyCudaPlainAttentionThreads, 4) {
  constexpr int threads = FoleyCudaPlainAttentionThreads;
  constexpr int warps = threads / FoleyCudaWarp;
  constexpr int channelsOfThread = FoleyCudaPlainAttentionDepth / threads;
  const AttentionPlace place(p, p.queries);
  const int thread = threadIdx.x;
  float *query = (float *)dynamic_shared();
  float *weights = query + FoleyCudaPlainAttentionDepth, *ofWarps = weights + threads;
  for (int d = thread; d < p.depth; d += threads)
    store_shared(
        query + d, load_element(p.query, p.queryStorage, place.query_start(p, place.tile) + d));
  barrier();

  float sums[channelsOfThread];
  for (int i = 0; i < channelsOfThread; i++) sums[i] = 0;
  float largest = minus_infinity(), total = 0;
#pragma unroll 1
  for (int first = 0; first < place.keys; first += threads) {
    float score = minus_infinity();
    if (below(first + thread, place.keys)) {
      const int64_t start = place.key_start(p, first + thread);
      score = 0;
      for (int d = 0; d < p.depth; d++)
        score += load_shared(query + d) * load_element(p.key, p.keyStorage, start + d);
      score *= p.scale;
    }
    float most = warp_largest(score);
    if (thread % FoleyCudaWarp == 0) store_shared(ofWarps + thread / FoleyCudaWarp, most);
    barrier();
    most = largest;
    for (int i = 0; i < warps; i++) most = fmaxf(most, load_shared(ofWarps + i));
    const float shrink = expf(largest - most);
    largest = most;
    store_shared(weights + thread, expf(score - most));
    barrier();

    const int count = place.keys - first < threads ? place.keys - first : threads;
    float sum = 0;
    for (int j = 0; j < count; j++) sum += load_shared(weights + j);
    total = total * shrink + sum;
    for (int i = 0; i < channelsOfThread; i++) {
      const int d = thread + i * threads;
      if (!below(d, p.depth)) continue;
      sum = sums[i] * shrink;
      for (int j = 0; j < count; j++)
        sum += load_shared(weights + j)
            * load_element(p.value, p.valueStorage, place.value_start(p, first + j) + d);
      sums[i] = sum;
    }
  }
  for (int i = 0; i < channelsOfThread; i++) {
    const int d = thread + i * threads;
    if (below(d, p.depth))
      store_element(
          p.out, p.outStorage, place.out_start(p, place.tile) + d,
          place.keys > 0 ? sums[i] / total : 0);
  }
}
