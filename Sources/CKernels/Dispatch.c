#include "FoleyKernels.h"

extern const FoleyKernels foley_kernels_baseline;
extern const FoleyIntegerKernels foley_integers_baseline;

#if defined(__x86_64__)
#include <cpuid.h>

extern const FoleyKernels foley_kernels_avx2;
extern const FoleyKernels foley_kernels_avx512;
extern const FoleyIntegerKernels foley_integers_avx2;
extern const FoleyIntegerKernels foley_integers_avxvnni;
extern const FoleyIntegerKernels foley_integers_avx512;
extern const FoleyIntegerKernels foley_integers_avx512vnni;

/// Which registers the operating system saves on a switch of threads.
static uint64_t saved_state(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static int has(FoleyLevel level) {
  unsigned a, b, c, d, b7, c7, d7;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  const unsigned needed = bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C;
  if ((c & needed) != needed || (saved_state() & 0x06) != 0x06) return 0;
  if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7) || !(b7 & bit_AVX2)) return 0;
  if (level == FoleyAVX2) return 1;
  const unsigned wide = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
  return (b7 & wide) == wide && (saved_state() & 0xE6) == 0xE6;
}

/// Whether a level's registers can be used by the dot products of bytes.
static int has_dots(FoleyLevel level) {
  unsigned a, b, c, d;
  if (level == FoleyAVX512) return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & bit_AVX512VNNI);
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & bit_AVXVNNI);
}
#endif

const FoleyKernels *foley_kernels(FoleyLevel level) {
  switch (level) {
  case FoleyBaseline: return &foley_kernels_baseline;
#if defined(__x86_64__)
  case FoleyAVX2: return has(level) ? &foley_kernels_avx2 : 0;
  case FoleyAVX512: return has(level) ? &foley_kernels_avx512 : 0;
#endif
  default: return 0;
  }
}

const FoleyIntegerKernels *foley_integer_kernels(FoleyLevel level, int dots) {
  switch (level) {
  case FoleyBaseline: return dots ? 0 : &foley_integers_baseline;
#if defined(__x86_64__)
  case FoleyAVX2:
    if (!has(level) || (dots && !has_dots(level))) return 0;
    return dots ? &foley_integers_avxvnni : &foley_integers_avx2;
  case FoleyAVX512:
    if (!has(level) || (dots && !has_dots(level))) return 0;
    return dots ? &foley_integers_avx512vnni : &foley_integers_avx512;
#endif
  default: return 0;
  }
}
