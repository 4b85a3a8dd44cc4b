#pragma once

// How the host launches the kernels: which one for what shape, in how many blocks. Nothing here is compiled for the
// device.

#include "foley_cuda_kernels.h"

/// All grids and blocks are one-dimensional. More than 48 KiB of `shared` must be allowed for the function
/// first. An empty grid means that there is nothing to do.
typedef struct {
  uint32_t grid, block, shared;
} FoleyCudaLaunch;

static inline int64_t foley_cuda_ceil(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// `blocks` may exceed what a grid holds where kernels stride over their elements.
static inline FoleyCudaLaunch foley_cuda_launch(int64_t blocks, uint32_t block, uint32_t shared) {
  const int64_t most = 0x7FFFFFFF;
  const FoleyCudaLaunch launch = {(uint32_t)(blocks < most ? blocks : most), block, shared};
  return launch;
}

/// How a product is cut into tiles.
typedef struct {
  int32_t rows, columns;  // of a tile; rows 16: the kernel of few rows
} FoleyCudaTile;

/// Tiles of the kernels `foley_product_bf16_<rows>x<columns>`, `foley_product_tf32_..`, `foley_product_f32_..`
/// (three products of tf32 that make one nearly as exact as f32); and those whose name ends in `_guarded`
/// instead have the small one.
static inline FoleyCudaTile foley_cuda_large_tile(int bf16) {
  const FoleyCudaTile tile = {128, bf16 ? 128 : 64};
  return tile;
}
static inline FoleyCudaTile foley_cuda_small_tile(void) {
  const FoleyCudaTile tile = {64, 64};
  return tile;
}

/// Whether the unguarded kernels may be used: all accesses are of whole, aligned 16 bytes.
static inline int foley_cuda_product_is_aligned(const FoleyCudaProduct *p, int bf16) {
  const int64_t chunk = bf16 ? 8 : 4;
  return p->places.depth % chunk == 0 && p->places.placeStride % chunk == 0
      && p->places.entryStride % chunk == 0 && p->places.lineStride % chunk == 0
      && p->weightStride % chunk == 0 && p->tapStride % chunk == 0
      && ((uintptr_t)p->places.base & 15) == 0 && ((uintptr_t)p->weight & 15) == 0;
}

/// Whether `foley_product_bf16_few_rows` may be used: a matrix of at most 16 rows, aligned.
static inline int foley_cuda_product_has_few_rows(const FoleyCudaProduct *p) {
  return p->rows <= FoleyCudaFewRows && p->phases == 0 && p->places.kernelHeight * p->places.kernelWidth == 1
      && p->places.height == 1 && p->places.padX == 0 && p->places.padY == 0 && p->places.strideX == 1
      && p->places.outWidth == p->places.width && p->places.outHeight == 1
      && (p->rows == p->places.outWidth || p->places.entryStride == p->places.width * p->places.placeStride)
      && p->splits == 1 && foley_cuda_product_is_aligned(p, 1);
}

static inline FoleyCudaTile foley_cuda_product_tile(const FoleyCudaProduct *p, int bf16) {
  if (!foley_cuda_product_is_aligned(p, bf16)) return foley_cuda_small_tile();
  // Enough large tiles to fill a large device, or small ones; by shape alone, so that every device sums alike.
  const FoleyCudaTile large = foley_cuda_large_tile(bf16);
  const int64_t tiles = foley_cuda_ceil(p->rows, large.rows) * foley_cuda_ceil(p->columns, large.columns)
      * (p->phases ? p->phases : 1);
  const int thin = p->rows <= 64 || p->columns <= 64;
  return tiles >= 128 && !(thin && bf16) ? large : foley_cuda_small_tile();
}

/// Parts of the depth that are worth it: few tiles, each long. `partial` then takes splits * rows * columns
/// floats.
static inline int32_t foley_cuda_product_splits(const FoleyCudaProduct *p, int bf16) {
  if (p->phases) return 1;
  const FoleyCudaTile tile = foley_cuda_product_tile(p, bf16);
  const int64_t tiles = foley_cuda_ceil(p->rows, tile.rows) * foley_cuda_ceil(p->columns, tile.columns);
  const int64_t depth = (int64_t)p->places.depth * p->places.kernelHeight * p->places.kernelWidth;
  int32_t splits = 1;
  while (splits < 8 && tiles * splits < 128 && depth / (2 * splits) >= 512) splits *= 2;
  return splits;
}

static inline FoleyCudaLaunch foley_cuda_launch_product(const FoleyCudaProduct *p, FoleyCudaTile tile) {
  const int64_t tiles = foley_cuda_ceil(p->rows, tile.rows) * foley_cuda_ceil(p->columns, tile.columns);
  return foley_cuda_launch(
      tiles * (p->phases ? p->phases : 1) * p->splits, FoleyCudaProductThreads,
      (uint32_t)((tile.rows + tile.columns) * FoleyCudaTileRowBytes * FoleyCudaTileStages));
}

static inline FoleyCudaLaunch foley_cuda_launch_few_rows(const FoleyCudaProduct *p) {
  return foley_cuda_launch(
      foley_cuda_ceil(p->columns, FoleyCudaFewRowsColumns), FoleyCudaFewRowsThreads,
      FoleyCudaFewRowsThreads / FoleyCudaWarp * FoleyCudaFewRows * FoleyCudaFewRowsColumns * 4);
}

/// `foley_product_finish`: sums the parts and does the epilogue.
static inline FoleyCudaLaunch foley_cuda_launch_product_finish(const FoleyCudaProduct *p) {
  return foley_cuda_launch(
      foley_cuda_ceil(p->rows * foley_cuda_ceil(p->columns, 4), FoleyCudaElementwiseThreads),
      FoleyCudaElementwiseThreads, 0);
}

/// Whether `foley_attention_<depth>` may be used: bf16 throughout, heads of 32, 64 or 128, rows of whole 16
/// bytes.
static inline int foley_cuda_attention_is_tiled(const FoleyCudaAttention *p) {
  return (p->depth == 32 || p->depth == 64 || p->depth == 128) && p->queryStorage == FoleyCudaBF16
      && p->keyStorage == FoleyCudaBF16 && p->valueStorage == FoleyCudaBF16
      && (p->queryStride | p->keyStride | p->valueStride) % 8 == 0
      && (p->queryEntry | p->keyEntry | p->valueEntry) % 8 == 0
      && (((uintptr_t)p->query | (uintptr_t)p->key | (uintptr_t)p->value) & 15) == 0
      && p->outStride % 2 == 0 && p->outEntry % 2 == 0
      && ((uintptr_t)p->out & (p->outStorage == FoleyCudaF32 ? 7 : 3)) == 0;
}

/// Two tiles of keys and two of values.
static inline FoleyCudaLaunch foley_cuda_launch_attention(const FoleyCudaAttention *p) {
  return foley_cuda_launch(
      (int64_t)p->batch * p->groups * p->heads * foley_cuda_ceil(p->queries, FoleyCudaAttentionTile),
      FoleyCudaAttentionThreads, (uint32_t)(4 * FoleyCudaAttentionTile * p->depth * 2));
}

/// `foley_attention_plain`, of any storage and depth up to 256.
static inline FoleyCudaLaunch foley_cuda_launch_attention_plain(const FoleyCudaAttention *p) {
  return foley_cuda_launch(
      (int64_t)p->batch * p->groups * p->heads * p->queries, FoleyCudaPlainAttentionThreads,
      (FoleyCudaPlainAttentionDepth + FoleyCudaPlainAttentionThreads
       + FoleyCudaPlainAttentionThreads / FoleyCudaWarp)
          * 4);
}

/// `foley_finish_integers`.
static inline FoleyCudaLaunch foley_cuda_launch_finish_integers(const FoleyCudaIntegerSums *p) {
  return foley_cuda_launch(
      foley_cuda_ceil(p->rows * foley_cuda_ceil(p->columns, 4), FoleyCudaElementwiseThreads),
      FoleyCudaElementwiseThreads, 0);
}

/// `foley_layer_norm`, `foley_softmax`, `foley_round_rows`: a warp for each row.
static inline FoleyCudaLaunch foley_cuda_launch_rows(int64_t rows) {
  return foley_cuda_launch(
      foley_cuda_ceil(rows, FoleyCudaRowsPerBlock), FoleyCudaRowsPerBlock * FoleyCudaWarp, 0);
}

/// `foley_rms_norm_rotary`: a warp for each head of a row.
static inline FoleyCudaLaunch foley_cuda_launch_heads(int64_t rows, int32_t heads) {
  return foley_cuda_launch_rows(rows * heads);
}

/// Elementwise kernels, `foley_gather`, `foley_depthwise`, `foley_grouped`: a thread for four elements or one,
/// and more where the grid is too small.
static inline FoleyCudaLaunch foley_cuda_launch_elements(int64_t rows, int64_t columns) {
  return foley_cuda_launch(
      foley_cuda_ceil(rows * foley_cuda_ceil(columns, 4), FoleyCudaElementwiseThreads),
      FoleyCudaElementwiseThreads, 0);
}

/// `foley_average`: a block for 32 channels of an entry.
static inline FoleyCudaLaunch foley_cuda_launch_average(int64_t batch, int64_t channels) {
  return foley_cuda_launch(
      batch * foley_cuda_ceil(channels, FoleyCudaWarp), FoleyCudaAverageThreads,
      FoleyCudaAverageThreads * 4);
}

static inline FoleyCudaLaunch foley_cuda_launch_transpose(int64_t batch, int64_t rows, int64_t columns) {
  return foley_cuda_launch(
      batch * foley_cuda_ceil(rows, FoleyCudaTransposeTile) * foley_cuda_ceil(columns, FoleyCudaTransposeTile),
      FoleyCudaTransposeThreads, FoleyCudaTransposeTile * (FoleyCudaTransposeTile + 1) * 4);
}
