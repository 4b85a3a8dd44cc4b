// Matrix products and convolutions, which are products whose left operand is found tap by tap: nothing is
// copied into a matrix first.
//
// A block makes a tile of the result. The depth passes through shared memory in slices of 64 bytes, several of
// them on their way while one is multiplied. Each of four warps holds a quarter of the tile in registers.

#include "epilogue.h"
#include "slices.h"

/// Which tile a block makes: bands of eight tiles of rows, column by column, so that blocks that run at the
/// same time share what they read.
struct TilePlace {
  int64_t row;
  int column;
  int layer;

  INLINE TilePlace(int64_t rows, int columns, int tileRows, int tileColumns) {
    const int64_t down = (rows + tileRows - 1) / tileRows;
    const int64_t across = (columns + tileColumns - 1) / tileColumns;
    const int64_t tiles = down * across;
    layer = (int)(blockIdx.x / tiles);
    const int64_t index = blockIdx.x - layer * tiles;
    const int64_t band = index / (8 * across), rest = index - band * 8 * across;
    const int64_t height = down - 8 * band < 8 ? down - 8 * band : 8;
    row = (8 * band + rest % height) * tileRows;
    column = (int)(rest / height) * tileColumns;
  }
};

/// Four sums of a row to where they belong: finished, or as a part of the depth.
INLINE void write_sums(
    const FoleyCudaProduct &p, bool wide, int64_t row, int column, int split, int firstOut, Four x) {
  if (!below(row, p.rows)) return;
  if (p.partial) {
    float *to = p.partial + (split * p.rows + row) * p.columns + column;
    if (wide) {
      if (below(column, p.columns)) store_four(to, FoleyCudaF32, 0, x);
    } else {
      for (int i = 0; i < 4; i++)
        if (below(column + i, p.columns)) store_global(to + i, x.v[i]);
    }
    return;
  }
  if (p.phases) {
    const int64_t entry = row / p.places.outWidth;
    const int64_t within = (row - entry * p.places.outWidth) * p.phases + firstOut;
    if (!below(within, (int64_t)p.outLength)) return;
    row = entry * p.outLength + within;
  }
  finish(p.epilogue, wide, row, column, p.columns, x);
}

/// A tile of Rows x Columns in four warps, 2 x 2.
template <class Numbers, int Rows, int Columns, bool Guarded>
INLINE void make_tile(const FoleyCudaProduct &p) {
  typedef Loader<Numbers, Rows, Columns, Guarded> TileLoader;
  typedef typename Numbers::Element Element;
  constexpr int stages = FoleyCudaTileStages;
  constexpr int warpRows = Rows / 2, warpColumns = Columns / 2;
  constexpr int down = warpRows / 16, across = warpColumns / 8;

  const TilePlace tile(p.rows, p.columns, Rows, Columns);
  const int lane = threadIdx.x % FoleyCudaWarp, warp = threadIdx.x / FoleyCudaWarp;

  // A phase of a transposed convolution: the taps that meet rows `firstOut`, `firstOut` + phases, ... of the
  // result, the first of which reads place `shift` with its first tap.
  const Element *weight = (const Element *)p.weight;
  int kernelWidth = p.places.kernelWidth, shift = 0, firstOut = 0, split = tile.layer;
  if (p.phases) {
    const int phase = tile.layer;
    split = 0;
    firstOut = (phase - p.cut % p.phases + p.phases) % p.phases;
    shift = (firstOut + p.cut) / p.phases;
    weight += phase * p.tapStride;
    kernelWidth = (kernelWidth - phase + p.phases - 1) / p.phases;
  }
  FoleyCudaProduct own = p;
  if (p.phases) own.tapStride *= p.phases;

  const int64_t depth = (int64_t)p.places.depth * p.places.kernelHeight * kernelWidth;
  const int64_t slices = (depth + TileLoader::sliceElements - 1) / TileLoader::sliceElements;
  const int64_t firstSlice = slices * split / p.splits;
  const int count = (int)(slices * (split + 1) / p.splits - firstSlice);

  unsigned char *shared = dynamic_shared();
  TileLoader loader(
      own, weight, kernelWidth > 0 ? kernelWidth : 1, shift, tile.row, tile.column,
      firstSlice * TileLoader::sliceElements);

  float sums[down][across][4];
  for (int i = 0; i < down; i++)
    for (int j = 0; j < across; j++)
      for (int k = 0; k < 4; k++) sums[i][j][k] = 0;

  // Where this lane reads its rows of the fragments: the left operand's lie as four matrices of a square, the
  // right one's as two squares side by side.
  const int leftRow = warp / 2 * warpRows + lane % 16, leftChunk = lane / 16;
  const int rightRow = Rows + warp % 2 * warpColumns + lane % 8 + lane / 16 * 8,
            rightChunk = lane / 8 % 2;
  int stage = 0, next = 0;
#pragma unroll 1
  for (int s = 1 - stages; s < count; s++) {
    if (s >= 0) {
      copy_async_wait(stages - 2);
      // All threads' copies of this slice have arrived, and all have left the one before: its place is free.
      barrier();
    }
    if (s + stages - 1 < count) loader.load(shared + next * TileLoader::bytes);
    copy_async_commit();
    next = next == stages - 1 ? 0 : next + 1;
    if (s < 0) continue;

    const unsigned char *slice = shared + stage * TileLoader::bytes;
#pragma unroll
    for (int step = 0; step < 2; step++) {
      typename Numbers::Left left[down];
#pragma unroll
      for (int i = 0; i < down; i++) {
        unsigned words[4];
        load_matrices(words, slice + chunk_place(leftRow + 16 * i, 2 * step + leftChunk));
        left[i] = Numbers::left(words);
      }
#pragma unroll
      for (int j = 0; j < across; j += 2) {
        unsigned words[4];
        load_matrices(words, slice + chunk_place(rightRow + 8 * j, 2 * step + rightChunk));
        const typename Numbers::Right first = Numbers::right(words[0], words[1]);
        const typename Numbers::Right second = Numbers::right(words[2], words[3]);
#pragma unroll
        for (int i = 0; i < down; i++) {
          Numbers::multiply(sums[i][j], left[i], first);
          Numbers::multiply(sums[i][j + 1], left[i], second);
        }
      }
    }
    stage = stage == stages - 1 ? 0 : stage + 1;
  }
  // The last groups of copies are empty. All have read the last slice.
  barrier();

  // Each warp turns its part into whole rows by way of shared memory, 16 rows at a time.
  constexpr int stride = warpColumns + 8;  // eight more, so that rows begin in different banks
  constexpr int lanesOfRow = warpColumns / 4;
  float *slab = (float *)shared + warp * 16 * stride;
  const bool wide = p.partial ? (p.columns & 3) == 0 : is_wide(p.epilogue, p.columns);
  int64_t firstRow = tile.row + warp / 2 * warpRows;
  const int firstColumn = tile.column + warp % 2 * warpColumns;
#pragma unroll 1
  for (int i = 0; i < down; i++) {
#pragma unroll
    for (int j = 0; j < across; j++) {
      float *to = slab + lane / 4 * stride + 8 * j + lane % 4 * 2;
      store_shared((float2 *)to, float2{sums[0][j][0], sums[0][j][1]});
      store_shared((float2 *)(to + 8 * stride), float2{sums[0][j][2], sums[0][j][3]});
      // The next rows move up: registers cannot be counted through, and four copies of all below would be long.
      for (int k = 0; k < down - 1; k++)
        for (int l = 0; l < 4; l++) sums[k][j][l] = sums[k + 1][j][l];
    }
    warp_barrier();
#pragma unroll 1
    for (int r = lane / lanesOfRow; r < 16; r += FoleyCudaWarp / lanesOfRow) {
      const int column = lane % lanesOfRow * 4;
      const float4 x = load_shared((const float4 *)(slab + r * stride + column));
      write_sums(
          p, wide, firstRow + r, firstColumn + column, split, firstOut, {{x.x, x.y, x.z, x.w}});
    }
    warp_barrier();
    firstRow += 16;
  }
}

#define PRODUCT(name, Numbers, rows, columns, blocks) \
  FOLEY_KERNEL( \
      foley_product_##name##_##rows##x##columns, FoleyCudaProduct, FoleyCudaProductThreads, blocks) { \
    make_tile<Numbers, rows, columns, false>(p); \
  }
#define GUARDED_PRODUCT(name, Numbers) \
  FOLEY_KERNEL(foley_product_##name##_guarded, FoleyCudaProduct, FoleyCudaProductThreads, 3) { \
    make_tile<Numbers, 64, 64, true>(p); \
  }

PRODUCT(bf16, HalfNumbers, 128, 128, 2)
PRODUCT(bf16, HalfNumbers, 64, 64, 4)
GUARDED_PRODUCT(bf16, HalfNumbers)
PRODUCT(tf32, RoundedNumbers, 128, 64, 2)
PRODUCT(tf32, RoundedNumbers, 64, 64, 4)
GUARDED_PRODUCT(tf32, RoundedNumbers)
PRODUCT(f32, SplitNumbers, 128, 64, 2)
PRODUCT(f32, SplitNumbers, 64, 64, 3)
GUARDED_PRODUCT(f32, SplitNumbers)

/// Sums the parts of a product whose depth was cut, in their order, and does its epilogue.
FOLEY_KERNEL(foley_product_finish, FoleyCudaProduct, FoleyCudaElementwiseThreads, 2) {
  const bool wide = is_wide(p.epilogue, p.columns) && is_wide(p.partial);
  const int64_t width = (p.columns + 3) / 4;
  const int64_t at = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  const int64_t row = at / width;
  const int column = (int)(at - row * width) * 4;
  if (!below(row, p.rows)) return;
  Four sum = {{0, 0, 0, 0}};
  for (int split = 0; split < p.splits; split++) {
    const float *from = p.partial + (split * p.rows + row) * p.columns + column;
    if (wide) {
      const Four x = load_four(from, FoleyCudaF32, 0);
      for (int i = 0; i < 4; i++) sum.v[i] += x.v[i];
    } else {
      for (int i = 0; i < 4; i++)
        if (below(column + i, p.columns)) sum.v[i] += load_global(from + i);
    }
  }
  finish(p.epilogue, wide, row, column, p.columns, sum);
}
