// The kernels with AVX2, FMA and F16C: eight lanes.

#if defined(__x86_64__)
#include "FoleyKernels.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define LANES 8
#define TILE_ROWS 6
#define TABLE foley_kernels_avx2
#define DOTS 0
#define INTEGER_TABLE foley_integers_avx2
#define LEVEL FoleyAVX2
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "Template/Kernels.h"
#include "Template/Integers.h"
#pragma clang attribute pop
#endif
