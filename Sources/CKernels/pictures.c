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

#define CHOOSE(call)                                                                \
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")       \
      && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))  \
    return avx512_##call;                                                           \
  return __builtin_cpu_supports("avx2") ? avx2_##call : baseline_##call
#else
#define CHOOSE(call) return baseline_##call
#endif

void foley_picture_across(
    const FoleyTaps *taps, const uint8_t *row, uint8_t *out, int32_t *sums) {
  CHOOSE(across(taps, row, out, sums));
}

void foley_picture_down(
    const uint8_t *const *rows, const int32_t *weights, long count, int bits, long width,
    uint8_t *out) {
  CHOOSE(down(rows, weights, count, bits, width, out));
}
