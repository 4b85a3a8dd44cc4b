// The compiled kernels become part of the program here. A build without them is whole, too: it computes on the
// processor, and says so.

#include "FoleyCudaCode.h"

// `#embed` is of C23; this compiler knows it in every mode, and warns.
#pragma clang diagnostic ignored "-Wc23-extensions"

// A file ends in a 0, for PTX is a text. Aligned as the driver would allocate it.
#define EMBEDDED static const unsigned char __attribute__((aligned(64)))

#if __has_embed("artefacts/sm_80.cubin")
#define HAS_SM_80
EMBEDDED sm_80[] = {
#embed "artefacts/sm_80.cubin" suffix(, 0)
};
#endif

#if __has_embed("artefacts/sm_86.cubin")
#define HAS_SM_86
EMBEDDED sm_86[] = {
#embed "artefacts/sm_86.cubin" suffix(, 0)
};
#endif

#if __has_embed("artefacts/sm_90.cubin")
#define HAS_SM_90
EMBEDDED sm_90[] = {
#embed "artefacts/sm_90.cubin" suffix(, 0)
};
#endif

#if __has_embed("artefacts/compute_80.ptx")
#define HAS_COMPUTE_80
EMBEDDED compute_80[] = {
#embed "artefacts/compute_80.ptx" suffix(, 0)
};
#endif

static const FoleyCudaCode all[] = {
#ifdef HAS_SM_80
    {80, 0, sm_80, sizeof sm_80 - 1},
#endif
#ifdef HAS_SM_86
    {86, 0, sm_86, sizeof sm_86 - 1},
#endif
#ifdef HAS_SM_90
    {90, 0, sm_90, sizeof sm_90 - 1},
#endif
#ifdef HAS_COMPUTE_80
    {80, 1, compute_80, sizeof compute_80 - 1},
#endif
    // An array needs an element.
    {0, 0, "", 0},
};

const FoleyCudaCode *foley_cuda_code(int *count) {
  *count = sizeof all / sizeof *all - 1;
  return all;
}
