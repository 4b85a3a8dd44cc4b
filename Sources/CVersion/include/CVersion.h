// What the build alone knows of itself.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/// The commit that the program was built from, as the scripts tell the build in FOLEY_COMMIT; empty where none did.
const char *foley_commit(void);

#ifdef __cplusplus
}
#endif
