// The device code, compiled for the host: each family in a file of its own there, all in one here, since they
// are one module on the device too.

#define FOLEY_CUDA_EMULATION 1
#include "Emulation.h"

#include "../../Sources/CCuda/kernels/kernels.cu"
