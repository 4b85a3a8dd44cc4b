// How a mock driver runs kernels.

#include <stdio.h>

#include "include/CUDAEmulation.h"

int foley_emulated_launch(
    const char *name, const void *arguments, size_t bytes, const unsigned grid[3], const unsigned block[3],
    size_t sharedBytes) {
  const FoleyEmulatedKernel *kernel = foley_emulated_kernel(name);
  if (!kernel || bytes != foley_emulated_kernel_parameter_size(kernel)) return 1;
  if (grid[1] * grid[2] * block[1] * block[2] != 1) return 1;
  FoleyEmulatedLaunch launch = {};
  launch.grid = grid[0];
  launch.block = block[0];
  launch.shared = (uint32_t)sharedBytes;
  // The quicker of the two; all orders are for the tests of the kernels themselves.
  launch.mode = FoleyEmulationBursty;
  launch.weakened = -1;
  const char *fault = foley_emulated_run(kernel, arguments, launch);
  if (!fault) return 0;
  fprintf(stderr, "%s\n", fault);
  return 2;
}

void foley_emulated_memory(const void *base, size_t bytes) {
  if (bytes)
    foley_emulated_register(base, bytes);
  else
    foley_emulated_unregister(base);
}
