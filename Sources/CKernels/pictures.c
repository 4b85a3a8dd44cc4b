// Resampling of pictures: the choice of instruction set.

#include "FoleyPictures.h"

#include <string.h>

#pragma clang diagnostic ignored "-Wpsabi"  // wide vectors pass between inlined functions alone

typedef int32_t Sixteen __attribute__((vector_size(64)));
typedef int32_t Eight __attribute__((vector_size(32)));
typedef int32_t Quad __attribute__((vector_size(16)));
typedef uint8_t SixteenBytes __attribute__((vector_size(16)));

#define NAME(name) baseline_##name
#include "pictures_rows.h"
#undef NAME

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define NAME(name) avx2_##name
#include "pictures_rows.h"
#undef NAME
#pragma clang attribute pop

#pragma clang attribute push( \
    __attribute__((target("avx2,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#define NAME(name) avx512_##name
#include "pictures_rows.h"
#undef NAME
#pragma clang attribute pop
#endif

const FoleyPictureKernels *foley_picture_kernels(FoleyLevel level) {
  if (!foley_kernels(level)) return 0;
  switch (level) {
  case FoleyBaseline: return &baseline_kernels;
#if defined(__x86_64__)
  case FoleyAVX2: return &avx2_kernels;
  case FoleyAVX512: return &avx512_kernels;
#endif
  default: return 0;
  }
}
