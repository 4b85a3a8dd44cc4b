#pragma once

// The arithmetic of the CPU backend: functions of one thread over ranges of rows, compiled once for each
// instruction set. Legend: rows of C channels, channels last, all f32 unless said otherwise.

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Instruction sets, least first.
typedef enum { FoleyBaseline, FoleyAVX2, FoleyAVX512 } FoleyLevel;

/// How weights are stored. I8 has one f32 factor per row.
typedef enum { FoleyF32, FoleyF16, FoleyBF16, FoleyI8 } FoleyStorage;

typedef enum {
  FoleyIdentity,
  FoleySilu,
  FoleyGeluTanh,
  FoleyGeluErf,
  FoleyRelu,
  FoleyRelu6,
  FoleyTanh,
  FoleySigmoid,
  FoleyExp
} FoleyActivation;

/// Row r is at `base + (index ? index[r] : r) * stride`. A stride of 0 makes one row serve all.
typedef struct {
  const float *_Nullable base;
  long stride;
  const int32_t *_Nullable index;
} FoleyRows;

/// Where a product finds the left operand of an output row: for each tap of a kernel, `depth` adjacent
/// floats of one place of a channels-last picture; zeros outside the picture.
///
/// Output row r belongs to batch entry r / (outHeight * outWidth), and to line and column of the rest. Tap
/// (i, j) reads place (line * strideY + i - padY, column * strideX + j * dilationX - padX). Rows without a
/// kernel are pictures of one line, one tap and no padding.
typedef struct {
  const float *_Nonnull base;
  long placeStride;  // floats from one place to the next
  long depth;
  long height, width;
  long outHeight, outWidth;
  long kernelHeight, kernelWidth;
  long strideY, strideX;
  long dilationX;
  long padY, padX;
} FoleyPlaces;

/// x + sin(alpha x)^2 * factor per channel; `factor` is 1 / (beta + 1e-9). NULL: nothing is done.
typedef struct {
  const float *_Nullable alpha;
  const float *_Nullable factor;
} FoleySnake;

/// out[r][n] = snake(residual + gate * activation(sum over taps and channels of places * weight + bias))
typedef struct {
  FoleyPlaces places;
  const void *_Nonnull weight;
  FoleyStorage storage;
  const float *_Nullable scales;
  // The weight of output channel n, tap t, channel c is element n * weightStride + t * tapStride + c; its
  // factor is scales[n * scaleStride + t * scaleTapStride].
  long weightStride, tapStride;
  long scaleStride, scaleTapStride;
  long rows, columns;
  float *_Nonnull out;
  long outStride;
  const float *_Nullable bias;
  FoleyActivation activation;
  const float *_Nullable residual;  // rows at outStride, as out
  FoleyRows gate;                   // base NULL: 1
  FoleySnake snake;
} FoleyProduct;

/// Attention of one head over views: row t of batch entry b is at base + (b * length + t) * stride.
typedef struct {
  const float *_Nonnull query, *_Nonnull key, *_Nonnull value;
  long queryStride, keyStride, valueStride;
  long queries, keys;  // per batch entry
  long depth;          // channels of a head
  float scale;
  float *_Nonnull out;
  long outStride;
  // One more key for all queries, whatever the entry, after those they see; NULL: none.
  const float *_Nullable sharedKey, *_Nullable sharedValue;
} FoleyAttention;

/// A depthwise convolution, channels last: `weight` [kernelHeight, kernelWidth, channels].
typedef struct {
  const float *_Nonnull x, *_Nonnull weight;
  const float *_Nullable bias;
  float *_Nonnull out;
  long channels;
  long height, width, outHeight, outWidth;
  long kernelHeight, kernelWidth;
  long strideY, strideX, dilationX;
  long padY, padX;
  FoleyActivation activation;
} FoleyDepthwise;

typedef struct {
  FoleyLevel level;
  /// Columns of a product that are computed together: ranges should start at multiples of it.
  long panel;

  /// Floats of scratch that `product` needs for so many rows and columns at once.
  long (*_Nonnull productScratch)(const FoleyProduct *_Nonnull, long rows, long columns);
  /// Rows row0 ..< row1 and columns column0 ..< column1 (column0 a multiple of `panel`). The order in which
  /// an element is summed depends on the depth alone, so no partition of the work changes the result.
  void (*_Nonnull product)(
      const FoleyProduct *_Nonnull, long row0, long row1, long column0, long column1,
      float *_Nonnull scratch);
  /// For few rows without a kernel: reads the weights once, in place. Any range of columns; sums in
  /// another order than `product`.
  void (*_Nonnull productOfFewRows)(const FoleyProduct *_Nonnull, long column0, long column1);

  long (*_Nonnull attentionScratch)(const FoleyAttention *_Nonnull);
  /// Queries query0 ..< query1 of head `head` in batch entry `entry`, which see the first `seen` keys.
  void (*_Nonnull attention)(
      const FoleyAttention *_Nonnull, long entry, long head, long seen, long query0, long query1,
      float *_Nonnull scratch);

  // Rows row0 ..< row1 of `width` channels; NULL bases mean "none".
  void (*_Nonnull layerNorm)(
      const float *_Nonnull x, float *_Nonnull out, long width, const float *_Nullable weight,
      const float *_Nullable bias, float epsilon, FoleyRows shift, FoleyRows scale, long row0, long row1);
  void (*_Nonnull rmsNormRotary)(
      FoleyRows x, float *_Nonnull out, long heads, long depth, const float *_Nullable weight,
      float epsilon, const float *_Nullable cosines, const float *_Nullable sines, long positions,
      long row0, long row1);
  void (*_Nonnull softmax)(const float *_Nonnull x, float *_Nonnull out, long width, long row0, long row1);

  void (*_Nonnull activate)(
      const float *_Nonnull x, float *_Nonnull out, FoleyActivation activation, long count);
  void (*_Nonnull gatedActivation)(
      const float *_Nonnull x, float *_Nonnull out, FoleyActivation activation, long width, long row0,
      long row1);
  /// `factor` is 1 / (beta + 1e-9).
  void (*_Nonnull snake)(
      const float *_Nonnull x, float *_Nonnull out, const float *_Nonnull alpha,
      const float *_Nonnull factor, long width, long row0, long row1);
  /// out = residual + gate * x
  void (*_Nonnull gatedResidual)(
      const float *_Nonnull residual, const float *_Nonnull x, FoleyRows gate, float *_Nonnull out,
      long width, long row0, long row1);
  /// out = a * x + b * y
  void (*_Nonnull combine)(
      float a, const float *_Nonnull x, float b, FoleyRows y, float *_Nonnull out, long width, long row0,
      long row1);
  void (*_Nonnull affine)(
      const float *_Nonnull x, float *_Nonnull out, float multiply, float add, long count);
  void (*_Nonnull multiply)(
      const float *_Nonnull x, FoleyRows y, float *_Nonnull out, long width, long row0, long row1);

  /// Line `line` of the result of batch entry `entry`.
  void (*_Nonnull depthwise)(const FoleyDepthwise *_Nonnull, long entry, long line);
  /// Sums of `count` rows of `width` channels, times `factor`.
  void (*_Nonnull sumRows)(
      const float *_Nonnull x, float *_Nonnull out, long count, long width, float factor);
  /// [rows, columns] -> [columns, rows], columns column0 ..< column1 of x.
  void (*_Nonnull transpose)(
      const float *_Nonnull x, float *_Nonnull out, long rows, long columns, long column0, long column1);
  /// Stored elements to f32, times `factor` (1 for all but I8).
  void (*_Nonnull widen)(
      const void *_Nonnull stored, FoleyStorage storage, float factor, float *_Nonnull out, long count);
  /// Rows of stored weights to bytes and a scale for each row: byte * scale is the weight, nearly.
  void (*_Nonnull roundWeights)(
      const void *_Nonnull stored, FoleyStorage storage, long width, int8_t *_Nonnull out,
      float *_Nonnull scales, long row0, long row1);

  /// Runs as fast as the processor can multiply and add: `rounds` times `peakOperations` operations.
  float (*_Nonnull peak)(long rounds);
  long peakOperations;
} FoleyKernels;

/// The kernels for an instruction set, or NULL where this processor or this build does not have it.
const FoleyKernels *_Nullable foley_kernels(FoleyLevel level);

/// Rows of activations rounded to integers, as `roundRows` makes them: the words of each place, and its scale.
typedef struct {
  const int32_t *_Nonnull words;
  const float *_Nonnull scales;
  long places;  // of each batch entry, those of the padding included
} FoleyIntegers;

/// Products of numbers rounded to eight bits. Sums are of integers, so they are exact, and the same at every
/// level.
typedef struct {
  FoleyLevel level;
  /// Whether it uses the instructions made for it (VNNI).
  int dots;
  /// As in `FoleyKernels`.
  long panel;
  /// Channels in a word of 32 bits, and a word of zeros.
  long wordValues;
  int32_t zeroWord;

  /// Rows row0 ..< row1 of `width` channels to ceil(width / wordValues) words each, and their scales.
  void (*_Nonnull roundRows)(
      const float *_Nonnull x, long width, int32_t *_Nonnull words, float *_Nonnull scales, long row0,
      long row1);
  /// Floats of scratch that `product` needs for so many columns at once.
  long (*_Nonnull productScratch)(const FoleyProduct *_Nonnull, long columns);
  /// As `product` in `FoleyKernels`, of a weight stored as I8. `places` tells the geometry alone, of one line
  /// whose padding is part of the integers; the depth is at most 65,536.
  void (*_Nonnull product)(
      const FoleyProduct *_Nonnull, const FoleyIntegers *_Nonnull, long row0, long row1, long column0,
      long column1, float *_Nonnull scratch);

  /// As in `FoleyKernels`.
  int32_t (*_Nonnull peak)(long rounds);
  long peakOperations;
} FoleyIntegerKernels;

/// The integer kernels for an instruction set, with or without the instructions made for them, or NULL where
/// this processor or this build does not have it.
const FoleyIntegerKernels *_Nullable foley_integer_kernels(FoleyLevel level, int dots);

#ifdef __cplusplus
}
#endif
