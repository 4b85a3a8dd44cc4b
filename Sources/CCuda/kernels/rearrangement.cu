// Elements that move and stay what they are.

#include "elements.h"

template <int Count> INLINE void gather_columns(const FoleyCudaRearrangement &p, int64_t row, int column) {
  Four x = load_columns<Count>(p.x, row, column);
  if (p.rowScales)
    x.v[0] *= load_global(p.rowScales + (p.x.index ? (int64_t)load_global(p.x.index + row) : row));
  const int64_t entry = row / p.entryRows;
  store_columns<Count>(p.out, entry * p.outEntryRows + (row - entry * p.entryRows), column, x);
}

/// Rows of a view, of any storage.
FOLEY_KERNEL(foley_gather, FoleyCudaRearrangement, FoleyCudaElementwiseThreads, 4) {
  const bool wide = (p.columns & 3) == 0 && is_wide(p.x) && is_wide(p.out) && !p.rowScales;
  const int width = wide ? p.columns / 4 : p.columns;
  const int64_t count = p.rows * width, step = (int64_t)gridDim.x * blockDim.x;
#pragma unroll 1
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; below(i, count); i += step) {
    const int64_t row = i / width;
    const int column = (int)(i - row * width);
    if (wide)
      gather_columns<4>(p, row, 4 * column);
    else
      gather_columns<1>(p, row, column);
  }
}

/// [rows, columns] -> [columns, rows] of each entry, by tiles that are read and written along their rows. Rows
/// of a tile are one element longer than it is wide, so that its columns lie in different banks.
FOLEY_KERNEL(foley_transpose, FoleyCudaRearrangement, FoleyCudaTransposeThreads, 4) {
  constexpr int side = FoleyCudaTransposeTile, height = FoleyCudaTransposeThreads / side;
  const int down = (int)((p.rows + side - 1) / side), across = (p.columns + side - 1) / side;
  int rest = blockIdx.x;
  const int tileColumn = rest % across * side;
  rest /= across;
  const int tileRow = rest % down * side;
  const int64_t base = (int64_t)(rest / down) * p.rows * p.columns;
  const int x = threadIdx.x % side, y = threadIdx.x / side;
  float *tile = (float *)dynamic_shared();
  for (int i = y; i < side; i += height)
    if (below(tileColumn + x, p.columns))
      if (below(tileRow + i, (int)p.rows))
        store_shared(
            tile + i * (side + 1) + x,
            load_element(
                p.x.base, p.x.storage, base + (int64_t)(tileRow + i) * p.columns + tileColumn + x));
  barrier();
  for (int i = y; i < side; i += height)
    if (below(tileRow + x, (int)p.rows))
      if (below(tileColumn + i, p.columns))
        store_element(
            p.out.base, p.out.storage, base + (int64_t)(tileColumn + i) * p.rows + tileRow + x,
            load_shared(tile + x * (side + 1) + i));
}
