// The integer kernels with AVX-512 VNNI: sixty-four products of bytes in one instruction.

#if defined(__x86_64__)
#include "FoleyKernels.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define LANES 16
#define TILE_ROWS 14
#define DOTS 1
#define INTEGER_TABLE foley_integers_avx512vnni
#define LEVEL FoleyAVX512
#pragma clang attribute push( \
    __attribute__((target("avx512vnni,avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c"))), \
    apply_to = function)
#include "Template/Integers.h"
#pragma clang attribute pop
#endif
