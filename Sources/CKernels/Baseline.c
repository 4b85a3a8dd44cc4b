// The kernels with what every processor has: four lanes.

#include "FoleyKernels.h"
#include <math.h>
#include <string.h>

#define LANES 4
#if defined(__x86_64__)
#define TILE_ROWS 5
#else
#define TILE_ROWS 8
#endif
#define TABLE foley_kernels_baseline
#define LEVEL FoleyBaseline
#include "Template/Kernels.h"
