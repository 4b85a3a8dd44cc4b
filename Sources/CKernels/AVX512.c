// The kernels with AVX-512 (F, DQ, BW, VL): sixteen lanes.

#if defined(__x86_64__)
#include "FoleyKernels.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define LANES 16
#define TILE_ROWS 14
#define TABLE foley_kernels_avx512
#define DOTS 0
#define INTEGER_TABLE foley_integers_avx512
#define LEVEL FoleyAVX512
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c"))), apply_to = function)
#include "Template/Kernels.h"
#include "Template/Integers.h"
#pragma clang attribute pop
#endif
