// Products of whole numbers: before and after the bf16 kernels, which are exact with them.

#include "epilogue.h"

/// The larger one; what is no number stays.
INLINE float larger(float a, float b) { return a != a || a > b ? a : b; }

INLINE float row_factor(float largest) { return largest < 0x1p-100f ? 0 : largest / 127; }

/// A warp for each row.
FOLEY_KERNEL(foley_round_rows, FoleyCudaRounding, FoleyCudaRowsPerBlock *FoleyCudaWarp, 4) {
  const int lane = threadIdx.x % FoleyCudaWarp;
  const int64_t row = (int64_t)blockIdx.x * FoleyCudaRowsPerBlock + threadIdx.x / FoleyCudaWarp;
  if (!below(row, p.rows)) return;
  const int64_t start = row_start(p.x, row), to = row * p.out.stride;
  float largest = 0;
  for (int column = lane; column < p.columns; column += FoleyCudaWarp)
    largest = larger(largest, fabsf(load_element(p.x.base, p.x.storage, start + column)));
  for (int mask = 16; mask; mask >>= 1) largest = larger(largest, shuffle_xor(largest, mask));
  if (lane == 0) store_global(p.factors + row, row_factor(largest));
  const float inverse = largest < 0x1p-100f ? 0 : 127 / largest;
  for (int column = lane; column < p.columns; column += FoleyCudaWarp) {
    const float scaled = load_element(p.x.base, p.x.storage, start + column) * inverse;
    // Of what is no number the factor tells.
    const float whole = fabsf(scaled) < 128 ? rintf(scaled) : 0;
    if (p.out.storage == FoleyCudaI8)
      store_global((int8_t *)p.out.base + to + column, (int8_t)whole);
    else
      store_element(p.out.base, p.out.storage, to + column, whole);
  }
}

/// Up to four columns of the sums of a part.
INLINE Four load_sums(const float *from, bool wide, int column, int columns) {
  if (wide) return load_four(from, FoleyCudaF32, 0);
  Four x = {{0, 0, 0, 0}};
  for (int i = 0; i < 4; i++)
    if (below(column + i, columns)) x.v[i] = load_global(from + i);
  return x;
}

/// A thread for four columns of a row.
FOLEY_KERNEL(foley_finish_integers, FoleyCudaIntegerSums, FoleyCudaElementwiseThreads, 2) {
  const bool wide = is_wide(p.epilogue, p.columns) && is_wide(p.sums) && is_wide(p.columnFactors);
  const int64_t width = (p.columns + 3) / 4;
  const int64_t at = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  const int64_t row = at / width;
  const int column = (int)(at - row * width) * 4;
  if (!below(row, p.rows)) return;
  const int64_t entry = row / p.outLength;
  const int first = (int)(row - entry * p.outLength) * p.stride - p.padding;
  Four sum = {{0, 0, 0, 0}};
  for (int tap = 0; tap < p.taps; tap++) {
    const int place = first + tap * p.dilation;
    if (!below((unsigned)place, (unsigned)p.length)) continue;
    const float factor = load_global(p.rowFactors + entry * p.length + place);
    Four whole = {{0, 0, 0, 0}};
    for (int part = 0; part < p.parts; part++) {
      const int64_t from = ((int64_t)tap * p.parts + part) * p.rows + row;
      const Four x = load_sums(p.sums + from * p.columns + column, wide, column, p.columns);
      for (int i = 0; i < 4; i++) whole.v[i] += x.v[i];
    }
    for (int i = 0; i < 4; i++) sum.v[i] += whole.v[i] * factor;
  }
  const Four factors = load_sums(p.columnFactors + column, wide, column, p.columns);
  for (int i = 0; i < 4; i++) sum.v[i] *= factors.v[i];
  finish(p.epilogue, wide, row, column, p.columns, sum);
}
