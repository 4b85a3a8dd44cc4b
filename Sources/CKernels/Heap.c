#include "FoleyHeap.h"

#include <stdlib.h>  // defines __GLIBC__ where it is so

#ifdef __GLIBC__
#include <malloc.h>
#endif

void foley_heap_prepare(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

void foley_heap_trim(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}
