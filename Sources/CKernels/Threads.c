#define _GNU_SOURCE
#include "FoleyThreads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

// How a run meets its helpers
// ---------------------------
// `gate` is one word: how many helpers are inside the current run (low 31 bits), whether the run is open to
// more (bit 31), and the run's number (high 32 bits). A helper enters by compare-and-swap while the run is
// open, so one that wakes too late finds it closed and touches nothing. The caller closes the run when no
// task is left to claim and waits only for those inside: a thread the system has not scheduled yet never
// holds it up.

#define OPEN (UINT64_C(1) << 31)
#define INSIDE (OPEN - 1)

// A helper looks for the next run this often before it sleeps: the gap between two operations of a network
// is a few microseconds, waking a sleeper costs more.
#define SPINS 600

struct FoleyThreads {
  _Atomic uint64_t gate;
  _Atomic long next;
  _Atomic int sleepers;
  _Atomic int ending;

  // The current run; written before the gate opens, read by those inside.
  long tasks;
  void (*task)(void *, long, int);
  void *context;

  pthread_mutex_t running;  // held by the caller of the current run
  pthread_mutex_t lock;     // for the two conditions
  pthread_cond_t opened;
  pthread_cond_t emptied;

  int count;
  pthread_t *helpers;
};

struct Helper {
  FoleyThreads *threads;
  int worker;
};

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void work(FoleyThreads *t, int worker) {
  for (;;) {
    long index = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed);
    if (index >= t->tasks) return;
    t->task(t->context, index, worker);
  }
}

/// Enters the open run if it is not the one numbered `seen`. Returns its number, or 0.
static uint32_t enter(FoleyThreads *t, uint32_t seen) {
  // Sequentially consistent, because a helper about to sleep must not read the gate before it is counted.
  uint64_t gate = atomic_load(&t->gate);
  while ((gate & OPEN) && (uint32_t)(gate >> 32) != seen) {
    if (atomic_compare_exchange_weak(&t->gate, &gate, gate + 1)) return (uint32_t)(gate >> 32);
  }
  return 0;
}

static void leave(FoleyThreads *t) {
  uint64_t before = atomic_fetch_sub_explicit(&t->gate, 1, memory_order_acq_rel);
  if (!(before & OPEN) && (before & INSIDE) == 1) {
    pthread_mutex_lock(&t->lock);
    pthread_cond_signal(&t->emptied);
    pthread_mutex_unlock(&t->lock);
  }
}

static void *help(void *argument) {
  struct Helper helper = *(struct Helper *)argument;
  free(argument);
  FoleyThreads *t = helper.threads;
  uint32_t seen = 0;
  for (;;) {
    uint32_t entered = 0;
    for (int spin = 0; spin < SPINS && !entered; spin++) {
      entered = enter(t, seen);
      if (!entered) pause_briefly();
    }
    if (!entered) {
      pthread_mutex_lock(&t->lock);
      // Counted before the gate is read; the caller opens the gate before it reads the count.
      atomic_fetch_add(&t->sleepers, 1);
      while (!atomic_load(&t->ending) && !(entered = enter(t, seen)))
        pthread_cond_wait(&t->opened, &t->lock);
      atomic_fetch_sub(&t->sleepers, 1);
      pthread_mutex_unlock(&t->lock);
    }
    if (!entered) return NULL;
    seen = entered;
    work(t, helper.worker);
    leave(t);
  }
}

FoleyThreads *foley_threads_create(int count) {
  FoleyThreads *t = calloc(1, sizeof *t);
  if (!t) return NULL;
  pthread_mutex_init(&t->running, NULL);
  pthread_mutex_init(&t->lock, NULL);
  pthread_cond_init(&t->opened, NULL);
  pthread_cond_init(&t->emptied, NULL);
  t->count = 1;
  t->helpers = calloc(count > 1 ? (size_t)count - 1 : 1, sizeof *t->helpers);
  for (int worker = 1; worker < count && t->helpers; worker++) {
    struct Helper *helper = malloc(sizeof *helper);
    if (!helper) break;
    *helper = (struct Helper){t, worker};
    if (pthread_create(&t->helpers[worker - 1], NULL, help, helper)) {
      free(helper);
      break;
    }
#if defined(__linux__)
    pthread_setname_np(t->helpers[worker - 1], "foley-cpu");
#endif
    t->count = worker + 1;
  }
  return t;
}

void foley_threads_destroy(FoleyThreads *t) {
  atomic_store(&t->ending, 1);
  pthread_mutex_lock(&t->lock);
  pthread_cond_broadcast(&t->opened);
  pthread_mutex_unlock(&t->lock);
  for (int helper = 0; helper < t->count - 1; helper++) pthread_join(t->helpers[helper], NULL);
  pthread_cond_destroy(&t->emptied);
  pthread_cond_destroy(&t->opened);
  pthread_mutex_destroy(&t->lock);
  pthread_mutex_destroy(&t->running);
  free(t->helpers);
  free(t);
}

int foley_threads_count(const FoleyThreads *t) { return t->count; }

void foley_threads_run(
    FoleyThreads *t, long tasks, void (*task)(void *, long, int), void *context) {
  if (t->count == 1 || tasks <= 1 || pthread_mutex_trylock(&t->running)) {
    for (long index = 0; index < tasks; index++) task(context, index, 0);
    return;
  }
  t->tasks = tasks;
  t->task = task;
  t->context = context;
  atomic_store_explicit(&t->next, 0, memory_order_relaxed);
  uint32_t number = (uint32_t)(atomic_load_explicit(&t->gate, memory_order_relaxed) >> 32) + 1;
  if (number == 0) number = 1;
  atomic_store(&t->gate, (uint64_t)number << 32 | OPEN);
  if (atomic_load(&t->sleepers)) {
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->opened);
    pthread_mutex_unlock(&t->lock);
  }
  work(t, 0);
  atomic_fetch_and(&t->gate, ~OPEN);
  for (int spin = 0; spin < SPINS; spin++) {
    if (!(atomic_load_explicit(&t->gate, memory_order_acquire) & INSIDE)) break;
    pause_briefly();
  }
  if (atomic_load_explicit(&t->gate, memory_order_acquire) & INSIDE) {
    pthread_mutex_lock(&t->lock);
    while (atomic_load_explicit(&t->gate, memory_order_acquire) & INSIDE)
      pthread_cond_wait(&t->emptied, &t->lock);
    pthread_mutex_unlock(&t->lock);
  }
  pthread_mutex_unlock(&t->running);
}
