#pragma once

// Runs the device code of Sources/CCuda/kernels on the host, one thread of the device at a time, with the
// freedom real hardware has: see Emulation.h. Any number of host threads may run kernels at the same time.

#include <stddef.h>
#include <stdint.h>

#include "../../../Sources/CCuda/include/foley_cuda_launches.h"

#ifdef __cplusplus
extern "C" {
#endif

/// How much freedom is taken. Each finds races that the other cannot see.
typedef enum {
  /// Warps take turns in random order; an asynchronous copy arrives no earlier than a wait makes sure of it.
  FoleyEmulationLate,
  /// A warp runs as far as it can before the next one begins; copies arrive at once.
  FoleyEmulationBursty
} FoleyEmulationMode;

typedef struct {
  uint32_t grid, block, shared;
  FoleyEmulationMode mode;
  /// Of the order of blocks, warps and lanes.
  uint64_t seed;
  /// A site (below) that is weakened for this run, or -1.
  int32_t weakened;
} FoleyEmulatedLaunch;

/// Kernels by name, NULL where there is none; and all of them.
typedef struct FoleyEmulatedKernel FoleyEmulatedKernel;
const FoleyEmulatedKernel *_Nullable foley_emulated_kernel(const char *_Nonnull name);
size_t foley_emulated_kernel_count(void);
const char *_Nonnull foley_emulated_kernel_name(size_t index);
/// Bytes of its parameter structure.
size_t foley_emulated_kernel_parameter_size(const FoleyEmulatedKernel *_Nonnull kernel);

/// Runs a kernel of one parameter structure, as `cuLaunchKernel` would with `kernelParams[0]`, to its end, or
/// to its first fault: an access outside of registered memory or not aligned, threads that wait for others that
/// never come, lanes of a warp that disagree. Returns what the fault was, valid until this thread's next run;
/// NULL: none.
const char *_Nullable foley_emulated_run(
    const FoleyEmulatedKernel *_Nonnull kernel, const void *_Nonnull parameters, FoleyEmulatedLaunch launch);

/// Of this thread's last run: accesses by matrix loads that had to wait for others to the same banks.
uint64_t foley_emulated_bank_conflicts(void);

/// Tells which memory kernels may touch, to the byte.
void foley_emulated_register(const void *_Nonnull base, size_t bytes);
void foley_emulated_unregister(const void *_Nonnull base);

/// The same as a mock driver calls them (MockCUDA.h): runs a kernel, one warp after the other; 0: done. Faults are printed.
int foley_emulated_launch(
    const char *_Nullable name, const void *_Nullable arguments, size_t bytes, const unsigned grid[_Nullable 3],
    const unsigned block[_Nullable 3], size_t sharedBytes);
/// Memory of so many bytes has come, or with 0 gone.
void foley_emulated_memory(const void *_Nullable base, size_t bytes);

/// Places in the kernels where something must be right: a barrier, which can be dropped; a wait for copies,
/// which can wait for one group less; a guard, which can let one too many through.
typedef enum { FoleySiteBarrier, FoleySiteWarpBarrier, FoleySiteWait, FoleySiteGuard } FoleySiteKind;
typedef struct {
  FoleySiteKind kind;
  const char *_Nonnull file;
  int32_t line;
} FoleySite;

/// Sites that any kernel has come across so far.
size_t foley_emulated_site_count(void);
FoleySite foley_emulated_site(size_t index);
/// Whether this thread's runs have come across it since it last forgot.
int foley_emulated_site_was_reached(size_t index);
void foley_emulated_forget_sites(void);

#ifdef __cplusplus
}
#endif
