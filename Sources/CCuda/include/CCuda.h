#pragma once

#include "FoleyCudaCode.h"
#include "FoleyCudaDriver.h"

// What the kernels expect as their arguments.
#include "foley_cuda_kernels.h"

// How they are launched.
#include "foley_cuda_launches.h"
