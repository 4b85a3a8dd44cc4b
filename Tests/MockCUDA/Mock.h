#pragma once

#include "MockCUDA.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

// What the parts of the mock share. Everything is guarded by one lock, which every exported function takes.
// None of it is exported: names such as `end` would be taken from the program that loads the mock.
#pragma GCC visibility push(hidden)

typedef int Result;
typedef uint64_t Address;

enum {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NOT_INITIALIZED = 3,
  NO_DEVICE = 100,
  INVALID_DEVICE = 101,
  INVALID_IMAGE = 200,
  INVALID_CONTEXT = 201,
  NO_BINARY_FOR_GPU = 209,
  INVALID_PTX = 218,
  UNSUPPORTED_PTX_VERSION = 222,
  INVALID_HANDLE = 400,
  ILLEGAL_STATE = 401,
  NOT_FOUND = 500,
  NOT_READY = 600,
  LAUNCH_FAILED = 719,
  CAPTURE_UNSUPPORTED = 900,
  CAPTURE_INVALIDATED = 901,
  CAPTURE_ISOLATION = 905,
  CAPTURED_EVENT = 907,
};

// MARK: Configuration

enum { MAXIMUM_DEVICES = 8, MAXIMUM_FAILURES = 8 };

typedef struct {
  char name[64];
  int major, minor;
  size_t total, free;
  bool isIntegrated;
} Device;

typedef struct {
  /// Empty: any function.
  char function[48];
  /// 0: every call.
  int call;
  Result code;
} Failure;

typedef struct {
  int version;
  int devices;
  Device device[MAXIMUM_DEVICES];
  int failures;
  Failure failure[MAXIMUM_FAILURES];
  bool isLate, finds;
  char report[512], kernels[512];
  MockLaunch launch;
  MockMemory memory;
} Configuration;

extern Configuration configuration;

// MARK: Calls

extern pthread_mutex_t lock;
extern bool isInitialised;

/// Counts a call of a function and says what it is to fail with, or SUCCESS.
Result begin(const char *function);
Result end(Result result);
/// Takes down a mistake of the caller's.
void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// The same, and what to return.
Result wrong(Result code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define EXPORT __attribute__((visibility("default")))

/// An injected failure leaves everything as it was.
#define ENTER(function)                         \
  Result injected = begin(function);            \
  if (injected != SUCCESS) return end(injected)
/// What gives something back or waits does so even if it fails: the driver reports failures of earlier work there, and
/// with them that work has ended, too.
#define ENTER_RELEASE(function) Result injected = begin(function)
#define LEAVE_RELEASE(result)                                  \
  do {                                                         \
    Result released = (result);                                \
    return end(injected != SUCCESS ? injected : released);     \
  } while (0)

// MARK: Objects

typedef enum { STREAM, EVENT, MODULE, FUNCTION, GRAPH, EXECUTABLE, KINDS } Kind;

/// The head of everything there are handles of. Never freed, so that later use is noticed.
typedef struct Object {
  Kind kind;
  bool isAlive;
  int device;
  struct Object *next;
} Object;

/// Of the current context.
void *make_object(Kind kind, size_t size);
/// The object if it is alive, of this kind and of the current context; else NULL, and a violation.
void *object(void *handle, Kind kind, const char *function);
int count_alive(int kind, int device);
/// Everything of a context that is gone.
void kill_objects(int device);
void forget_objects(void);

/// Shared memory a block may have.
int shared_limit(const Device *device);

/// The device of the calling thread's context, or -1 and a violation.
int current_device(const char *function);
int contexts_held(void);
void forget_contexts(void);

// MARK: Memory

typedef struct {
  char *base;
  size_t size;
  bool isPinned;
  int device;
} Block;

/// The block that holds all these bytes, or NULL and a violation.
Block *device_block(Address address, size_t bytes, const char *function);
/// The pinned block that holds all these bytes, or NULL.
Block *pinned_block(const void *address, size_t bytes);
void count_memory(int device, int *blocks, int *pinned);
size_t memory_peak(void);
void free_memory_of(int device);
void check_red_zones(void);
void forget_memory(void);

// MARK: Streams

typedef enum { COPY, FILL, LAUNCH, WAIT, RECORD } Work;

typedef struct Task {
  Work work;
  struct Task *next;
  /// COPY, FILL: what and where to. `owned`: the bytes of a copy from pageable memory, taken at once.
  const char *from;
  char *to;
  size_t bytes;
  char *owned;
  unsigned pattern;
  int patternBytes;
  /// LAUNCH
  char kernel[128];
  unsigned grid[3], block[3];
  size_t sharedBytes;
  /// WAIT: until this stream has come this far.
  struct Stream *other;
  uint64_t ticket;
  /// Of the stream, counted.
  uint64_t number;
} Task;

typedef struct Stream {
  Object head;
  Task *first, *last;
  uint64_t issued, done;
  struct Graph *capture;
  int captureMode;
  bool isBroken;
} Stream;

typedef struct Graph {
  Object head;
  Task *first, *last;
} Graph;

/// Puts work into a stream, or into what it captures.
void issue(Stream *stream, Task task);
void append_copy(Task **first, Task **last, const Task *task);
void free_tasks(Task *first);
void drain(Stream *stream, uint64_t ticket);
void drain_device(int device);
int pending_tasks(void);
/// Whether undone work refers to this memory.
bool is_pending(const char *base, size_t size);
/// For calls that may not come while something is captured: breaks the captures they concern.
bool breaks_capture(int device, bool relaxedToo, const char *function);

// MARK: Launches

void run_kernel(const Task *task);
size_t describe_launches(char *text, size_t size);
void forget_launches(void);
/// Finds what runs kernels, if anything does.
void find_kernels(void);

// MARK: Lookup

void *exported(const char *name);

#pragma GCC visibility pop
