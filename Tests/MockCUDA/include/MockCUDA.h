#pragma once

// A CUDA driver without a GPU, for tests: exports what `libcuda.so.1` does, as far as this program uses it, with host
// memory in place of a GPU's. It checks what a real one would only punish: lifetimes, bounds, limits of launches, the
// rules of captures; it fails on demand, and it tells at the end what was left behind.
//
// What it poses as is said by the environment variable MOCK_CUDA, or by `mock_cuda_configure`, in words with
// semicolons between them:
//
//   version=12040               of CUDA, that the driver is made for
//   device=NAME|8.6|TOTAL|FREE  a GPU with so many MiB; may stand several times; |integrated may follow
//   devices=none                no GPU at all; with neither word there is one
//   fail=N:CODE                 the N-th call from the start, of whatever function, returns CODE
//   fail=cuMemAlloc#N:CODE      the N-th call of this function does; N = 0: every call
//   late                        work of streams is done when it is waited for, not at once
//   lookup=off                  cuGetProcAddress finds nothing
//   kernels=FILE                a library whose `foley_emulated_launch` runs kernels, such as EmulatedCUDA
//   report=FILE                 where the report goes at the end of the process

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Runs a kernel on host memory; 0: done, anything else: there is none of this name. Where there is no such function,
/// launches are checked and counted only.
typedef int (*MockLaunch)(
    const char *name, const void *arguments, size_t bytes, const unsigned grid[3], const unsigned block[3],
    size_t sharedBytes);

/// Told of a GPU's memory when it comes, and with 0 bytes when it goes; `foley_emulated_memory` of `kernels`.
typedef void (*MockMemory)(const void *base, size_t bytes);

/// Starts over: nothing allocated, nothing called, in this configuration. Whatever was left is forgotten.
void mock_cuda_configure(const char *words);

/// Survive a new configuration. The second is to be set while no memory is allocated.
void mock_cuda_set_launch(MockLaunch launch);
void mock_cuda_set_memory(MockMemory memory);

/// The report, as JSON ended by 0 and cut to `size`; returns the length it would have.
///
///   calls, functions {name: calls}, violations [text], launches {kernel: runs}, pending (work not done),
///   leaks {context, memory, pinned, stream, event, module, graph, executable}, peakBytes
size_t mock_cuda_report(char *text, size_t size);

#ifdef __cplusplus
}
#endif
