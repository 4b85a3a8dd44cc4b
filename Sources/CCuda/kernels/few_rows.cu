// Products of at most 16 rows, such as what the time makes of a whole network.

#include "epilogue.h"

/// A product of at most 16 rows reads every weight once, and time is what that takes. So a block takes 8
/// columns, all its warps read different parts of their weights straight into registers, 16 bytes a lane, and
/// the sums of the warps are added at the end.
///
/// An instruction wants of a lane the pairs of channels 2t and 2t + 8. Which channels these are is of no
/// importance as long as both operands agree, so lane t takes channels 8t ..< 8t + 8 of each 32: two
/// instructions' worth.
FOLEY_KERNEL(foley_product_bf16_few_rows, FoleyCudaProduct, FoleyCudaFewRowsThreads, 2) {
  constexpr int warps = FoleyCudaFewRowsThreads / FoleyCudaWarp;
  const int lane = threadIdx.x % FoleyCudaWarp, warp = threadIdx.x / FoleyCudaWarp;
  const int group = lane / 4, place = lane % 4 * 8;
  const int depth = p.places.depth, firstColumn = (int)blockIdx.x * FoleyCudaFewRowsColumns;
  const uint16_t *x = (const uint16_t *)p.places.base;
  const uint16_t *high = x + group * p.places.placeStride, *low = high + 8 * p.places.placeStride;
  const uint16_t *weight = (const uint16_t *)p.weight + (firstColumn + group) * p.weightStride;
  const bool highThere = below((int64_t)group, p.rows);
  const bool lowThere = below((int64_t)group + 8, p.rows);
  const bool columnThere = below(firstColumn + group, p.columns);

  float sums[4] = {0, 0, 0, 0};
#pragma unroll 4
  for (int at = warp * 32; at < depth; at += warps * 32) {
    const bool inDepth = below(at + place, depth);
    uint4 a = {0, 0, 0, 0}, b = a, w = a;
    if (inDepth && highThere) a = load_global((const uint4 *)(high + at + place));
    if (inDepth && lowThere) b = load_global((const uint4 *)(low + at + place));
    if (inDepth && columnThere) w = load_global((const uint4 *)(weight + at + place));
    const unsigned first[4] = {a.x, b.x, a.y, b.y}, second[4] = {a.z, b.z, a.w, b.w};
    multiply_bf16(sums, first, w.x, w.y);
    multiply_bf16(sums, second, w.z, w.w);
  }

  constexpr int size = FoleyCudaFewRows * FoleyCudaFewRowsColumns;
  float *shared = (float *)dynamic_shared();
  float *own = shared + warp * size + group * FoleyCudaFewRowsColumns + lane % 4 * 2;
  store_shared((float2 *)own, float2{sums[0], sums[1]});
  store_shared((float2 *)(own + size / 2), float2{sums[2], sums[3]});
  barrier();
  if (threadIdx.x >= size / 4) return;
  const int row = threadIdx.x / 2, column = threadIdx.x % 2 * 4;
  Four sum = {{0, 0, 0, 0}};
  for (int i = 0; i < warps; i++) {
    const float4 part =
        load_shared((const float4 *)(shared + i * size + row * FoleyCudaFewRowsColumns + column));
    const Four next = {{part.x, part.y, part.z, part.w}};
    for (int k = 0; k < 4; k++) sum.v[k] += next.v[k];
  }
  if (below((int64_t)row, p.rows))
    finish(
        p.epilogue, is_wide(p.epilogue, p.columns), row, firstColumn + column, p.columns, sum);
}
