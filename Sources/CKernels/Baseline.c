// The kernels with what every processor has: four lanes.

#include "FoleyKernels.h"
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#define LANES 4
#if defined(__x86_64__)
#define TILE_ROWS 5
#else
#define TILE_ROWS 8
#endif
#define TABLE foley_kernels_baseline
#define DOTS 0
#define INTEGER_TABLE foley_integers_baseline
#define LEVEL FoleyBaseline
#include "Template/Kernels.h"
#include "Template/Integers.h"
