#pragma once

// A small pool of persistent threads.

#ifdef __cplusplus
extern "C" {
#endif

typedef struct FoleyThreads FoleyThreads;

/// A pool in which `count` threads work: `count - 1` of its own and the one that calls
/// `foley_threads_run`. Fewer start when the system refuses; see `foley_threads_count`. NULL only when
/// there is no memory.
FoleyThreads *_Nullable foley_threads_create(int count);

/// Waits for the threads to end. No run may be in progress.
void foley_threads_destroy(FoleyThreads *_Nonnull threads);

/// Threads that really work in the pool, the caller included.
int foley_threads_count(const FoleyThreads *_Nonnull threads);

/// Calls `task(context, i, worker)` once for each i in 0 ..< tasks and returns when all are done. Calls
/// may run at the same time; `worker`, 0 ..< count, differs between those that do, so it can pick one of
/// several scratch areas. A run that finds the pool busy with another caller's is done by its caller
/// alone, as worker 0.
void foley_threads_run(
    FoleyThreads *_Nonnull threads, long tasks,
    void (*_Nonnull task)(void *_Nullable context, long index, int worker), void *_Nullable context);

#ifdef __cplusplus
}
#endif
