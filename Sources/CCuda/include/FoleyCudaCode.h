#pragma once

// The kernels, compiled ahead of time and embedded (artefacts/, made by Scripts/cuda/build).

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  /// Machine code for this compute capability, 10 * major + minor, and for later ones of the same major. With
  /// `isPTX`: an intermediate language, which the driver translates for this one and every later one.
  int capability;
  int isPTX;
  const void *_Nonnull bytes;
  size_t size;
} FoleyCudaCode;

/// Everything this build holds; `count` may be 0.
const FoleyCudaCode *_Nonnull foley_cuda_code(int *_Nonnull count);

#ifdef __cplusplus
}
#endif
