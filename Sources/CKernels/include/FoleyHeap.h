#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/// Returns memory that the C allocator keeps for later to the system, where it can.
void foley_heap_trim(void);

#ifdef __cplusplus
}
#endif
