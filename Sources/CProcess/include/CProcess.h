// What has to be done when the process ends before its time. Everything here may be called from a
// signal handler, on any thread, with no memory left, unless it says otherwise.
#pragma once

#include <stddef.h>

/// Takes note of a file that is of no use unless the process finishes it. Not for signal handlers.
///
/// Returns 0, or the errno: ENOMEM, or ENOSPC with more than 32 files.
int process_add_unfinished(const char *path);

/// The file is finished, or gone. Not for signal handlers.
void process_drop_unfinished(const char *path);

/// Removes every unfinished file.
void process_remove_unfinished(void);

/// Whether the system gives no more memory: not even 64 MiB, more than any one piece this program asks for
/// outside its tensors.
int process_is_out_of_memory(void);

/// Removes unfinished files, says on standard error that so many bytes were not to be had (0: unknown)
/// and ends the process with 75, EX_TEMPFAIL: another time, or with a higher limit, it may go well.
_Noreturn void process_end_out_of_memory(size_t bytes);

/// Removes unfinished files, says `Error: ` and the message on standard error and ends the process with the status.
_Noreturn void process_end(const char *message, int status);

/// From here on a crash removes unfinished files. Swift's own allocations cannot fail but by a crash, so
/// one that comes while no memory is left ends the process as `process_end_out_of_memory` does; any other
/// goes on to whoever handled it before. Not for signal handlers.
void process_watch_crashes(void);
