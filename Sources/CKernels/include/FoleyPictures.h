#pragma once

// Resampling of packed pictures of 3 bytes to a pixel, in whole numbers. Each pass sums products of bytes
// and fixed-point weights, rounds, and clamps to a byte; results do not depend on the instruction set.

#include "FoleyKernels.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Along a row: output pixel i is made of `taps` input pixels from `first[i]` on.
typedef struct {
  long outputs;
  long taps;  // a multiple of 4; weights past an output's last tap are 0
  const int32_t *_Nonnull first;
  const int32_t *_Nonnull weights;  // [outputs][taps]
  int bits;                         // of a weight's fraction
} FoleyTaps;

/// Bytes that `across` may read beyond the last pixel of its last tap.
#define FOLEY_PICTURE_MARGIN 16

typedef struct {
  /// A row of `taps->outputs` pixels. `sums`: 3 * outputs + 1 values of scratch.
  void (*_Nonnull across)(
      const FoleyTaps *_Nonnull taps, const uint8_t *_Nonnull row, uint8_t *_Nonnull out,
      int32_t *_Nonnull sums);
  /// A row of `width` bytes out of `count` rows, each with its weight.
  void (*_Nonnull down)(
      const uint8_t *_Nonnull const *_Nonnull rows, const int32_t *_Nonnull weights, long count,
      int bits, long width, uint8_t *_Nonnull out);
} FoleyPictureKernels;

/// The kernels for an instruction set, or NULL where this processor or this build does not have it.
const FoleyPictureKernels *_Nullable foley_picture_kernels(FoleyLevel level);

#ifdef __cplusplus
}
#endif
