#pragma once

// What the host tells the device code: one structure for each family of kernels, passed by value.
//
// Legend: rows of channels, channels last. Strides count elements, not bytes. Activations are f32 or bf16, each
// operand by itself; vectors that weights consist of (bias, norm, snake) are f32; row indices are i32. A kernel
// may trust its arguments. Nothing depends on how many blocks run at a time or in which order: no atomics,
// every sum in an order given by the shape alone.

#ifdef __CUDACC_RTC__
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#else
#include <stdint.h>
#endif

/// How elements are stored. I8 has one f32 factor for each row: only `foley_gather` reads it, and F16; only
/// `foley_round_rows` writes it.
enum { FoleyCudaF32, FoleyCudaBF16, FoleyCudaF16, FoleyCudaI8 };

/// In the order of `Activation` in the module Tensors.
enum {
  FoleyCudaIdentity,
  FoleyCudaSilu,
  FoleyCudaGeluTanh,
  FoleyCudaGeluErf,
  FoleyCudaRelu,
  FoleyCudaRelu6,
  FoleyCudaTanh,
  FoleyCudaSigmoid,
  FoleyCudaExp
};

/// Row r is at `base + (index ? index[r] : r) * stride`, its first column at `base`. A stride of 0 makes one
/// row serve all. `base` NULL: the operand is absent.
typedef struct {
  const void *base;
  const int32_t *index;
  int64_t stride;
  int32_t storage;
} FoleyCudaView;

/// A whole matrix that is written: row r is at `base + r * stride`.
typedef struct {
  void *base;
  int64_t stride;
  int32_t storage;
} FoleyCudaTarget;

// MARK: Products (products.cu)

/// Where a product finds the left operand of an output row: for each tap of a kernel, `depth` adjacent elements
/// of one place of a channels-last picture; zeros outside the picture.
///
/// Output row r belongs to batch entry r / (outHeight * outWidth), and to line and column of the rest. Tap (i,
/// j) reads place (line * strideY + i - padY, column * strideX + j * dilationX - padX). A matrix is a picture
/// of one line, one tap and no padding; a convolution over time is a picture of one line. Of patches, which
/// have no padding, a place is a line of a patch: placeStride is the stride times the channels, depth the
/// kernel's width times the channels, kernelWidth and strideX are 1, width is outWidth.
typedef struct {
  const void *base;
  int64_t entryStride;  // from one batch entry to the next
  int64_t lineStride;   // from one line to the next
  int64_t placeStride;  // from one place to the next
  int32_t depth;
  int32_t height, width;
  int32_t outHeight, outWidth;
  int32_t kernelHeight, kernelWidth;
  int32_t strideY, strideX;
  int32_t dilationX;
  int32_t padY, padX;
} FoleyCudaPlaces;

/// What is done to a sum before it is written: snake(residual + gate * activation(sum + bias)). NULL: nothing.
typedef struct {
  const float *bias;
  FoleyCudaView residual;
  FoleyCudaView gate;
  const float *snakeAlpha, *snakeBeta;  // both or none
  FoleyCudaTarget out;
  int32_t activation;
} FoleyCudaEpilogue;

/// out[r][n] = epilogue(sum over taps and channels of places * weight).
///
/// The weight of output channel n, tap t, channel c is element n * weightStride + t * tapStride + c. Both
/// operands are bf16 in `foley_product_bf16_*`, f32 in the others. Sums are f32.
///
/// A transposed convolution (`phases` > 0) is `phases` convolutions side by side, one for each remainder that a
/// row of the result leaves: `phases` is its stride, `cut` the rows cut from the front, `outLength` the rows of
/// an entry's result; the places are those of its input with kernelWidth the whole kernel, outHeight 1,
/// outWidth = ceil(outLength / phases), strideX 1, dilationX -1, and tapStride the distance of weights of
/// adjacent taps.
typedef struct {
  FoleyCudaPlaces places;
  const void *weight;
  int64_t weightStride, tapStride;
  int64_t rows;  // batch * outHeight * outWidth
  int32_t columns;
  int32_t phases, cut, outLength;
  /// Parts the depth is cut into, each summed by blocks of its own; more than 1: the sums go to `partial`
  /// [splits, rows, columns], and `foley_product_finish` must follow. 1 where there are phases.
  int32_t splits;
  float *partial;
  FoleyCudaEpilogue epilogue;
} FoleyCudaProduct;

// MARK: Products of whole numbers (integers.cu)

/// `foley_round_rows`: x / factor, rounded to whole numbers, ties to even, where the largest magnitude of a row
/// becomes 127, and the factors. Rows below 2^-100 become 0. `out` is I8 or BF16, which holds whole numbers to
/// 256.
///
/// Products of bf16 of such numbers are exact, and so are their sums while they stay below 2^24, which 1024 of
/// them do: 127 * 127 * 1024 < 2^24. So a depth is cut into parts of at most 1024, and every tap of a
/// convolution, whose rows have factors of their own, is a product by itself.
typedef struct {
  FoleyCudaView x;
  FoleyCudaTarget out;
  float *factors;  // [rows]
  int64_t rows;
  int32_t columns;
} FoleyCudaRounding;

/// `foley_finish_integers`: epilogue(columnFactor * sum over taps of rowFactor * sum over parts). Row r belongs to
/// batch entry r / outLength; its tap t was a product with place (r % outLength) * stride + t * dilation -
/// padding of that entry, or with none where that is not in 0 ..< length.
typedef struct {
  const float *sums;           // [taps, parts, rows, columns]
  const float *rowFactors;     // [batch, length]
  const float *columnFactors;  // [columns]
  int64_t rows;
  int32_t columns;
  int32_t taps, parts;
  int32_t length, outLength;
  int32_t stride, dilation, padding;
  FoleyCudaEpilogue epilogue;
} FoleyCudaIntegerSums;

// MARK: Attention (attention.cu)

/// Softmax attention per head. Row of query i of group g in entry b: query + b * queryEntry + (queryFirst + g *
/// queryGroup + i * queryStep) * queryStride, head h at column h * depth; the result has the same rows. The
/// first `leading` keys are rows 0 ..< leading; the others follow as queries do. Without groups: groups 1,
/// first 0, step 1.
typedef struct {
  const void *query, *key, *value;
  int64_t queryStride, keyStride, valueStride;
  int64_t queryEntry, keyEntry, valueEntry;
  void *out;
  int64_t outStride, outEntry;
  /// Keys that are seen in each batch entry; NULL: all. With none the result is 0.
  const int32_t *keyLengths;
  int32_t batch, heads, depth;
  int32_t groups, queries, keys;  // queries and keys of one group, leading keys included
  int32_t leading;
  int32_t queryFirst, queryGroup, queryStep;
  int32_t keyFirst, keyGroup, keyStep;
  int32_t queryStorage, keyStorage, valueStorage, outStorage;
  float scale;  // above 0
} FoleyCudaAttention;

// MARK: Normalisation (normalization.cu)

/// `foley_layer_norm`, `foley_softmax`, and for rows of heads * depth channels `foley_rms_norm_rotary`.
typedef struct {
  FoleyCudaView x;
  FoleyCudaTarget out;
  int64_t rows;
  int32_t columns;  // heads * depth
  float epsilon;
  const float *weight, *bias;  // [columns]; [depth] for heads
  FoleyCudaView shift, scale;
  int32_t heads;
  int32_t positions;              // rows of the table; row r of x uses r % positions
  const float *cosines, *sines;  // [positions, depth / 2]; NULL: no rotation
} FoleyCudaNormalization;

// MARK: Elementwise (elementwise.cu)

/// out = f(x, y, residual); which operands count, each kernel says.
typedef struct {
  FoleyCudaView x, y, residual;
  FoleyCudaTarget out;
  int64_t rows;
  int32_t columns;  // of the result
  int32_t activation;
  float a, b;
  const float *alpha, *beta;  // [columns]
} FoleyCudaElementwise;

// MARK: Convolutions that are no products (convolution.cu)

/// `foley_depthwise`: weight [kernelHeight, kernelWidth, channels]. `foley_grouped`: one line, weight [columns,
/// kernelWidth, channels / groups]. `foley_average`: the mean over `width` places of each entry. All weights
/// f32.
typedef struct {
  const void *x;
  int32_t storage;
  const float *weight, *bias;
  FoleyCudaTarget out;
  int32_t batch, channels, columns, groups;
  int32_t height, width, outHeight, outWidth;
  int32_t kernelHeight, kernelWidth;
  int32_t strideY, strideX, dilationX;
  int32_t padY, padX;
  int32_t activation;
} FoleyCudaConvolution;

// MARK: Rearrangement (rearrangement.cu)

/// `foley_gather`: row r of x goes to row (r / entryRows) * outEntryRows + r % entryRows of out, whose base is
/// where the first one goes. So it copies views, converts types, looks up embeddings and, called once for each
/// part, joins along time (entryRows: rows of the part's entry; outEntryRows: rows of the result's) and along
/// channels. `foley_transpose`: x [batch, rows, columns] -> out [batch, columns, rows], both contiguous; `rows`
/// of one entry.
typedef struct {
  FoleyCudaView x;
  const float *rowScales;  // of an i8 table, by row of the table
  FoleyCudaTarget out;
  int64_t rows;
  int64_t entryRows, outEntryRows;
  int32_t columns;
  int32_t batch;
} FoleyCudaRearrangement;

// MARK: Sizes that host and device must agree on

enum {
  FoleyCudaWarp = 32,
  // Products: threads of a block, bytes of a tile's row, tiles in flight; rows of a tile of few rows.
  FoleyCudaProductThreads = 128,
  FoleyCudaTileRowBytes = 64,
  FoleyCudaTileStages = 3,
  FoleyCudaFewRows = 16,
  FoleyCudaFewRowsColumns = 8,
  FoleyCudaFewRowsThreads = 256,
  // Depth to which sums of whole numbers are exact.
  FoleyCudaExactDepth = 1024,
  // Attention: queries and keys of a tile; keys at once and the largest depth of the general kernel.
  FoleyCudaAttentionTile = 64,
  FoleyCudaAttentionThreads = 128,
  FoleyCudaPlainAttentionThreads = 128,
  FoleyCudaPlainAttentionDepth = 256,
  // Rows of a block where a warp takes a row.
  FoleyCudaRowsPerBlock = 4,
  FoleyCudaElementwiseThreads = 256,
  FoleyCudaAverageThreads = 256,
  FoleyCudaTransposeTile = 32,
  FoleyCudaTransposeThreads = 256,
};
