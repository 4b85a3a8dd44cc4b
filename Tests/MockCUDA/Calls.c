#define _GNU_SOURCE
#include "Mock.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The configuration, the count of calls, and the report.

Configuration configuration;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
bool isInitialised;

// More than are exported.
enum { MAXIMUM_FUNCTIONS = 80, MAXIMUM_VIOLATIONS = 32 };
static struct {
  const char *name;
  int calls;
} functions[MAXIMUM_FUNCTIONS];
static int functionCount, calls;
static char violations[MAXIMUM_VIOLATIONS][200];
static int violationCount;
static bool isConfigured;

// MARK: Configuration

static void parse_device(char *text) {
  if (configuration.devices == MAXIMUM_DEVICES) return;
  Device *device = &configuration.device[configuration.devices++];
  memset(device, 0, sizeof *device);
  char *rest = NULL;
  char *field = strtok_r(text, "|", &rest);
  snprintf(device->name, sizeof device->name, "%s", field ? field : "");
  if ((field = strtok_r(NULL, "|", &rest))) sscanf(field, "%d.%d", &device->major, &device->minor);
  if ((field = strtok_r(NULL, "|", &rest))) device->total = strtoull(field, NULL, 10) << 20;
  device->free = device->total;
  if ((field = strtok_r(NULL, "|", &rest))) device->free = strtoull(field, NULL, 10) << 20;
  device->isIntegrated = (field = strtok_r(NULL, "|", &rest)) && strcmp(field, "integrated") == 0;
}

static void parse_failure(char *text) {
  if (configuration.failures == MAXIMUM_FAILURES) return;
  Failure *failure = &configuration.failure[configuration.failures++];
  memset(failure, 0, sizeof *failure);
  char *colon = strrchr(text, ':');
  failure->code = colon ? atoi(colon + 1) : 999;
  if (colon) *colon = 0;
  char *number = strchr(text, '#');
  if (number) {
    *number = 0;
    snprintf(failure->function, sizeof failure->function, "%s", text);
  }
  failure->call = atoi(number ? number + 1 : text);
}

static void parse(const char *words) {
  MockLaunch launch = configuration.launch;
  MockMemory memory = configuration.memory;
  configuration = (Configuration){.version = 12040, .finds = true, .launch = launch, .memory = memory};
  char *copy = strdup(words), *rest = NULL;
  bool hasNone = false;
  for (char *word = strtok_r(copy, ";", &rest); word; word = strtok_r(NULL, ";", &rest)) {
    char *value = strchr(word, '=');
    if (value) *value++ = 0;
    if (!strcmp(word, "version")) configuration.version = atoi(value);
    else if (!strcmp(word, "device")) parse_device(value);
    else if (!strcmp(word, "devices")) hasNone = true;
    else if (!strcmp(word, "fail")) parse_failure(value);
    else if (!strcmp(word, "late")) configuration.isLate = true;
    else if (!strcmp(word, "lookup")) configuration.finds = false;
    else if (!strcmp(word, "kernels")) snprintf(configuration.kernels, sizeof configuration.kernels, "%s", value);
    else if (!strcmp(word, "report")) snprintf(configuration.report, sizeof configuration.report, "%s", value);
    else violation("MOCK_CUDA holds the unknown word '%s'", word);
  }
  free(copy);
  if (configuration.devices == 0 && !hasNone) {
    char one[] = "Mock GPU|8.0|8192|8000";
    parse_device(one);
  }
  isConfigured = true;
}

static void forget(void) {
  functionCount = calls = violationCount = 0;
  isInitialised = false;
  forget_objects();
  forget_memory();
  forget_contexts();
  forget_launches();
}

EXPORT void mock_cuda_configure(const char *words) {
  pthread_mutex_lock(&lock);
  forget();
  parse(words);
  pthread_mutex_unlock(&lock);
}

EXPORT void mock_cuda_set_launch(MockLaunch launch) {
  pthread_mutex_lock(&lock);
  configuration.launch = launch;
  pthread_mutex_unlock(&lock);
}

EXPORT void mock_cuda_set_memory(MockMemory memory) {
  pthread_mutex_lock(&lock);
  configuration.memory = memory;
  pthread_mutex_unlock(&lock);
}

// MARK: Calls

Result begin(const char *function) {
  pthread_mutex_lock(&lock);
  if (!isConfigured) {
    const char *words = getenv("MOCK_CUDA");
    parse(words ? words : "");
  }
  int place = 0;
  while (place < functionCount && strcmp(functions[place].name, function)) place++;
  if (place == functionCount) {
    functions[functionCount].name = function;
    functions[functionCount++].calls = 0;
  }
  functions[place].calls++;
  calls++;
  for (int i = 0; i < configuration.failures; i++) {
    const Failure *failure = &configuration.failure[i];
    if (failure->function[0] && strcmp(failure->function, function)) continue;
    int count = failure->function[0] ? functions[place].calls : calls;
    if (failure->call == 0 || failure->call == count) return failure->code;
  }
  return SUCCESS;
}

Result end(Result result) {
  pthread_mutex_unlock(&lock);
  return result;
}

static void take_down(const char *format, va_list arguments) {
  if (violationCount == MAXIMUM_VIOLATIONS) return;
  char *text = violations[violationCount++];
  vsnprintf(text, sizeof violations[0], format, arguments);
  for (; *text; text++)
    if (*text == '"' || *text == '\\' || *text < ' ') *text = '\'';
}

void violation(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  take_down(format, arguments);
  va_end(arguments);
}

Result wrong(Result code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  take_down(format, arguments);
  va_end(arguments);
  return code;
}

// MARK: Report

static size_t report(char *text, size_t size) {
  size_t length = 0;
#define ADD(...)                                                                            \
  length += (size_t)snprintf(                                                               \
      text + (length < size ? length : size), length < size ? size - length : 0, __VA_ARGS__)
  check_red_zones();
  ADD("{\"calls\":%d,\"functions\":{", calls);
  for (int i = 0; i < functionCount; i++)
    ADD("%s\"%s\":%d", i ? "," : "", functions[i].name, functions[i].calls);
  ADD("},\"violations\":[");
  for (int i = 0; i < violationCount; i++) ADD("%s\"%s\"", i ? "," : "", violations[i]);
  ADD("],\"launches\":{");
  length += describe_launches(text + (length < size ? length : size), length < size ? size - length : 0);
  int blocks = 0, pinned = 0;
  count_memory(-1, &blocks, &pinned);
  ADD("},\"pending\":%d,\"peakBytes\":%zu,", pending_tasks(), memory_peak());
  ADD("\"leaks\":{\"context\":%d,\"memory\":%d,\"pinned\":%d,\"stream\":%d,", contexts_held(), blocks, pinned,
      count_alive(STREAM, -1));
  ADD("\"event\":%d,\"module\":%d,\"graph\":%d,\"executable\":%d}}", count_alive(EVENT, -1),
      count_alive(MODULE, -1), count_alive(GRAPH, -1), count_alive(EXECUTABLE, -1));
#undef ADD
  return length;
}

EXPORT size_t mock_cuda_report(char *text, size_t size) {
  pthread_mutex_lock(&lock);
  size_t length = report(text, size);
  pthread_mutex_unlock(&lock);
  return length;
}

__attribute__((destructor)) static void write_report(void) {
  if (!configuration.report[0]) return;
  static char text[1 << 16];
  report(text, sizeof text);
  FILE *file = fopen(configuration.report, "w");
  if (!file) return;
  fputs(text, file);
  fclose(file);
}
