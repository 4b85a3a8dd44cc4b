#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/// Lets the allocator map every block of 1 MiB and more by itself, so that it goes back to the system when it is freed.
/// Left alone, glibc raises that limit to what has once been freed, up to 32 MiB, and the heap grows holes.
void foley_heap_prepare(void);

/// Returns memory that the C allocator keeps for later to the system, where it can.
void foley_heap_trim(void);

#ifdef __cplusplus
}
#endif
