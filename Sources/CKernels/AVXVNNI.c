// The integer kernels with AVX-VNNI: thirty-two products of bytes in one instruction.

#if defined(__x86_64__)
#include "FoleyKernels.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define LANES 8
#define TILE_ROWS 6
#define DOTS 1
#define INTEGER_TABLE foley_integers_avxvnni
#define LEVEL FoleyAVX2
#pragma clang attribute push(__attribute__((target("avxvnni,avx2,fma,f16c"))), apply_to = function)
#include "Template/Integers.h"
#pragma clang attribute pop
#endif
