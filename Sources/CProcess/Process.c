#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAXIMUM_FILES = 32, OUT_OF_MEMORY = 75 };

/// Copies of the paths; a slot is empty or holds one for good until it is dropped.
static _Atomic(char *) unfinished[MAXIMUM_FILES];

int process_add_unfinished(const char *path) {
  char *copy = strdup(path);
  if (!copy) return ENOMEM;
  for (int i = 0; i < MAXIMUM_FILES; i++) {
    char *empty = NULL;
    if (atomic_compare_exchange_strong(&unfinished[i], &empty, copy)) return 0;
  }
  free(copy);
  return ENOSPC;
}

void process_drop_unfinished(const char *path) {
  for (int i = 0; i < MAXIMUM_FILES; i++) {
    char *held = atomic_load(&unfinished[i]);
    // The copy is left to leak: a handler on another thread may be reading it, and there are few.
    if (held && strcmp(held, path) == 0) atomic_compare_exchange_strong(&unfinished[i], &held, NULL);
  }
}

void process_remove_unfinished(void) {
  for (int i = 0; i < MAXIMUM_FILES; i++) {
    const char *path = atomic_load(&unfinished[i]);
    if (path) unlink(path);
  }
}

// MARK: Out of memory

static void append(char *line, size_t size, const char *text) {
  size_t length = strlen(line);
  for (; *text && length + 1 < size; text++) line[length++] = *text;
  line[length] = 0;
}

static void append_number(char *line, size_t size, size_t number) {
  char digits[24];
  int place = sizeof digits - 1;
  digits[place] = 0;
  do digits[--place] = (char)('0' + number % 10);
  while (number /= 10);
  append(line, size, digits + place);
}

int process_is_out_of_memory(void) {
  const size_t size = (size_t)64 << 20;
  int before = errno;
  void *probe = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int is_out = probe == MAP_FAILED && errno == ENOMEM;
  if (probe != MAP_FAILED) munmap(probe, size);
  errno = before;
  return is_out;
}

_Noreturn void process_end_out_of_memory(size_t bytes) {
  process_remove_unfinished();
  char line[256] = "Error: out of memory";
  if (bytes > 0) {
    append(line, sizeof line, ": ");
    append_number(line, sizeof line, bytes / 1000000 + 1);
    append(line, sizeof line, " MB more could not be had");
  }
  append(line, sizeof line, "; unfinished files were removed. Try again when more is free, or raise the ");
  append(line, sizeof line, "limit (ulimit -v).\n");
  // Nobody is left to hear of a failure.
  ssize_t written = write(STDERR_FILENO, line, strlen(line));
  (void)written;
  _exit(OUT_OF_MEMORY);
}

_Noreturn void process_end(const char *message, int status) {
  process_remove_unfinished();
  // Three pieces, for a message may be of any length. Nobody is left to hear of a failure.
  const char *pieces[] = {"Error: ", message, "\n"};
  for (int i = 0; i < 3; i++) {
    ssize_t written = write(STDERR_FILENO, pieces[i], strlen(pieces[i]));
    (void)written;
  }
  _exit(status);
}

// MARK: Crashes

static const int crashes[] = {SIGABRT, SIGILL, SIGTRAP, SIGSEGV, SIGBUS};
enum { CRASHES = sizeof crashes / sizeof *crashes };
static struct sigaction before[CRASHES];

static void crashed(int signal) {
  process_remove_unfinished();
  if (process_is_out_of_memory()) process_end_out_of_memory(0);
  for (int i = 0; i < CRASHES; i++)
    if (crashes[i] == signal) sigaction(signal, &before[i], NULL);
  // Blocked while this handler runs: it arrives once this returns.
  raise(signal);
}

void process_watch_crashes(void) {
  struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  // A program started from a thread of a pool inherits that thread's mask, which may hold all of these back.
  sigset_t unblocked;
  sigemptyset(&unblocked);
  for (int i = 0; i < CRASHES; i++) {
    sigaction(crashes[i], &action, &before[i]);
    sigaddset(&unblocked, crashes[i]);
  }
  pthread_sigmask(SIG_UNBLOCK, &unblocked, NULL);
}
