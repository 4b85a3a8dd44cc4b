#pragma once

#include "FoleyCudaCode.h"
#include "FoleyCudaDriver.h"

// What the kernels expect as their arguments.
#if __has_include("foley_cuda_kernels.h")
#include "foley_cuda_kernels.h"
#endif
