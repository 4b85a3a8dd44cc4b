#include "CVersion.h"

#ifndef FOLEY_COMMIT
#define FOLEY_COMMIT ""
#endif

const char *foley_commit(void) { return FOLEY_COMMIT; }
