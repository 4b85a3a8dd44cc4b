#include "Mock.h"

#include <stdlib.h>
#include <string.h>

// Objects, streams and the work in them, events, graphs.

// MARK: Objects

static Object *objects;

void *make_object(Kind kind, size_t size) {
  Object *made = calloc(1, size);
  *made = (Object){kind, true, current_device("the making of an object"), objects};
  objects = made;
  return made;
}

static const char *const names[] = {"stream", "event", "module", "function", "graph", "executable graph"};

void *object(void *handle, Kind kind, const char *function) {
  Object *found = objects;
  while (found && found != handle) found = found->next;
  if (!found || found->kind != kind) {
    violation("%s of something that is no %s", function, names[kind]);
  } else if (!found->isAlive) {
    violation("%s of a %s that is gone", function, names[kind]);
  } else {
    int device = current_device(function);
    if (device == found->device) return found;
    if (device >= 0) violation("%s of another device's %s", function, names[kind]);
  }
  return NULL;
}

int count_alive(int kind, int device) {
  int count = 0;
  for (Object *one = objects; one; one = one->next)
    count += one->isAlive && (int)one->kind == kind && (device < 0 || one->device == device);
  return count;
}

void kill_objects(int device) {
  for (Object *one = objects; one; one = one->next)
    if (one->device == device) one->isAlive = false;
}

void forget_objects(void) { objects = NULL; }

// MARK: Work

static void append(Task **first, Task **last, Task *task) {
  task->next = NULL;
  if (*last) (*last)->next = task;
  else *first = task;
  *last = task;
}

void append_copy(Task **first, Task **last, const Task *task) {
  Task *copy = malloc(sizeof *copy);
  *copy = *task;
  if (task->owned) {
    copy->owned = malloc(task->bytes);
    memcpy(copy->owned, task->owned, task->bytes);
    copy->from = copy->owned;
  }
  append(first, last, copy);
}

void free_tasks(Task *first) {
  while (first) {
    Task *next = first->next;
    free(first->owned);
    free(first);
    first = next;
  }
}

static void run(const Task *task) {
  switch (task->work) {
    case COPY: memcpy(task->to, task->from, task->bytes); break;
    case FILL:
      if (task->patternBytes == 1) memset(task->to, (int)task->pattern, task->bytes);
      else
        for (size_t i = 0; i < task->bytes; i += 4) memcpy(task->to + i, &task->pattern, 4);
      break;
    case LAUNCH: run_kernel(task); break;
    case WAIT: drain(task->other, task->ticket); break;
    case RECORD: break;
  }
}

void drain(Stream *stream, uint64_t ticket) {
  while (stream->first && stream->first->number <= ticket) {
    Task *task = stream->first;
    stream->first = task->next;
    if (!stream->first) stream->last = NULL;
    run(task);
    stream->done = task->number;
    free(task->owned);
    free(task);
  }
}

void drain_device(int device) {
  for (Object *one = objects; one; one = one->next)
    if (one->kind == STREAM && one->isAlive && one->device == device)
      drain((Stream *)one, ((Stream *)one)->issued);
}

void issue(Stream *stream, Task task) {
  if (stream->capture) {
    append_copy(&stream->capture->first, &stream->capture->last, &task);
    free(task.owned);
    return;
  }
  task.number = ++stream->issued;
  Task *made = malloc(sizeof *made);
  *made = task;
  append(&stream->first, &stream->last, made);
  if (!configuration.isLate) drain(stream, stream->issued);
}

int pending_tasks(void) {
  int count = 0;
  for (Object *one = objects; one; one = one->next)
    if (one->kind == STREAM && one->isAlive)
      for (Task *task = ((Stream *)one)->first; task; task = task->next) count++;
  return count;
}

bool is_pending(const char *base, size_t size) {
  for (Object *one = objects; one; one = one->next) {
    if (one->kind != STREAM || !one->isAlive) continue;
    for (Task *task = ((Stream *)one)->first; task; task = task->next) {
      if (task->work == LAUNCH) {
        // Any 8 bytes of its arguments may be an address.
        for (size_t i = 0; i + 8 <= task->bytes; i += 8) {
          uintptr_t address;
          memcpy(&address, task->owned + i, 8);
          if (address >= (uintptr_t)base && address < (uintptr_t)base + size) return true;
        }
        continue;
      }
      if (task->to && task->to < base + size && base < task->to + task->bytes) return true;
      if (task->from && task->from < base + size && base < task->from + task->bytes) return true;
    }
  }
  return false;
}

bool breaks_capture(int device, bool relaxedToo, const char *function) {
  bool breaks = false;
  for (Object *one = objects; one; one = one->next) {
    Stream *stream = (Stream *)one;
    if (one->kind != STREAM || !one->isAlive || one->device != device || !stream->capture) continue;
    if (stream->captureMode == 2 && !relaxedToo) continue;
    violation("%s during a capture", function);
    stream->isBroken = breaks = true;
  }
  return breaks;
}

// MARK: Streams

EXPORT Result cuStreamCreate(Stream **stream, unsigned flags) {
  ENTER("cuStreamCreate");
  if (current_device("cuStreamCreate") < 0) return end(INVALID_CONTEXT);
  if (flags > 1) return end(wrong(INVALID_VALUE, "cuStreamCreate with flags"));
  *stream = make_object(STREAM, sizeof(Stream));
  return end(SUCCESS);
}

EXPORT Result cuStreamDestroy_v2(Stream *handle) {
  ENTER_RELEASE("cuStreamDestroy");
  Stream *stream = object(handle, STREAM, "cuStreamDestroy");
  if (!stream) LEAVE_RELEASE(INVALID_HANDLE);
  if (stream->capture) violation("cuStreamDestroy during a capture");
  drain(stream, stream->issued);
  stream->head.isAlive = false;
  LEAVE_RELEASE(SUCCESS);
}

EXPORT Result cuStreamSynchronize(Stream *handle) {
  ENTER_RELEASE("cuStreamSynchronize");
  Stream *stream = object(handle, STREAM, "cuStreamSynchronize");
  if (!stream) LEAVE_RELEASE(INVALID_HANDLE);
  if (stream->capture) {
    stream->isBroken = true;
    LEAVE_RELEASE(wrong(CAPTURE_UNSUPPORTED, "cuStreamSynchronize during a capture"));
  }
  drain(stream, stream->issued);
  LEAVE_RELEASE(SUCCESS);
}

// MARK: Events

typedef struct {
  Object head;
  bool measuresTime, isRecorded;
  Stream *stream;
  uint64_t ticket;
  /// Recorded while this was captured.
  Graph *capture;
} Event;

EXPORT Result cuStreamWaitEvent(Stream *handle, Event *waited, unsigned flags) {
  ENTER("cuStreamWaitEvent");
  Stream *stream = object(handle, STREAM, "cuStreamWaitEvent");
  Event *event = object(waited, EVENT, "cuStreamWaitEvent");
  if (!stream || !event || flags) return end(INVALID_HANDLE);
  if (stream->capture != event->capture) {
    if (stream->capture) stream->isBroken = true;
    return end(wrong(CAPTURE_ISOLATION, "cuStreamWaitEvent across the edge of a capture"));
  }
  // One that was never recorded is waited for by nobody; in a capture everything is in order already.
  if (event->isRecorded && !stream->capture)
    issue(stream, (Task){.work = WAIT, .other = event->stream, .ticket = event->ticket});
  return end(SUCCESS);
}

EXPORT Result cuEventCreate(Event **event, unsigned flags) {
  ENTER("cuEventCreate");
  if (current_device("cuEventCreate") < 0) return end(INVALID_CONTEXT);
  *event = make_object(EVENT, sizeof(Event));
  (*event)->measuresTime = !(flags & 2);
  return end(SUCCESS);
}

EXPORT Result cuEventDestroy_v2(Event *handle) {
  ENTER_RELEASE("cuEventDestroy");
  Event *event = object(handle, EVENT, "cuEventDestroy");
  if (!event) LEAVE_RELEASE(INVALID_HANDLE);
  event->head.isAlive = false;
  LEAVE_RELEASE(SUCCESS);
}

EXPORT Result cuEventRecord(Event *handle, Stream *on) {
  ENTER("cuEventRecord");
  Event *event = object(handle, EVENT, "cuEventRecord");
  Stream *stream = object(on, STREAM, "cuEventRecord");
  if (!event || !stream) return end(INVALID_HANDLE);
  event->isRecorded = true;
  event->stream = stream;
  event->capture = stream->capture;
  issue(stream, (Task){.work = RECORD});
  event->ticket = stream->issued;
  return end(SUCCESS);
}

static Result check_outside(const Event *event, const char *function) {
  if (!event->capture) return SUCCESS;
  return wrong(CAPTURED_EVENT, "%s of an event of a capture", function);
}

EXPORT Result cuEventQuery(Event *handle) {
  ENTER("cuEventQuery");
  Event *event = object(handle, EVENT, "cuEventQuery");
  if (!event) return end(INVALID_HANDLE);
  Result result = check_outside(event, "cuEventQuery");
  if (result != SUCCESS || !event->isRecorded || event->stream->done >= event->ticket) return end(result);
  // Time passes: who asks again and again is answered at last.
  drain(event->stream, event->stream->done + 1);
  return end(NOT_READY);
}

EXPORT Result cuEventSynchronize(Event *handle) {
  ENTER_RELEASE("cuEventSynchronize");
  Event *event = object(handle, EVENT, "cuEventSynchronize");
  if (!event) LEAVE_RELEASE(INVALID_HANDLE);
  Result result = check_outside(event, "cuEventSynchronize");
  if (result == SUCCESS && event->isRecorded) drain(event->stream, event->ticket);
  LEAVE_RELEASE(result);
}

EXPORT Result cuEventElapsedTime(float *milliseconds, Event *from, Event *to) {
  ENTER("cuEventElapsedTime");
  Event *first = object(from, EVENT, "cuEventElapsedTime"), *second = object(to, EVENT, "cuEventElapsedTime");
  if (!first || !second) return end(INVALID_HANDLE);
  if (!first->measuresTime || !second->measuresTime || !first->isRecorded || !second->isRecorded)
    return end(wrong(INVALID_HANDLE, "cuEventElapsedTime of events that measure no time"));
  if (first->stream->done < first->ticket || second->stream->done < second->ticket) return end(NOT_READY);
  *milliseconds = 0.5f;
  return end(SUCCESS);
}

// MARK: Graphs

EXPORT Result cuStreamBeginCapture_v2(Stream *handle, int mode) {
  ENTER("cuStreamBeginCapture");
  Stream *stream = object(handle, STREAM, "cuStreamBeginCapture");
  if (!stream) return end(INVALID_HANDLE);
  if (mode < 0 || mode > 2) return end(wrong(INVALID_VALUE, "cuStreamBeginCapture in mode %d", mode));
  if (stream->capture) return end(wrong(ILLEGAL_STATE, "a capture within a capture"));
  stream->capture = make_object(GRAPH, sizeof(Graph));
  stream->captureMode = mode;
  stream->isBroken = false;
  return end(SUCCESS);
}

EXPORT Result cuStreamEndCapture(Stream *handle, Graph **graph) {
  ENTER_RELEASE("cuStreamEndCapture");
  Stream *stream = object(handle, STREAM, "cuStreamEndCapture");
  if (!stream) LEAVE_RELEASE(INVALID_HANDLE);
  if (!stream->capture) LEAVE_RELEASE(wrong(ILLEGAL_STATE, "cuStreamEndCapture without a capture"));
  Graph *made = stream->capture;
  stream->capture = NULL;
  *graph = NULL;
  if (stream->isBroken || injected != SUCCESS) {
    made->head.isAlive = false;
    free_tasks(made->first);
    LEAVE_RELEASE(CAPTURE_INVALIDATED);
  }
  *graph = made;
  LEAVE_RELEASE(SUCCESS);
}

static void copy_tasks(const Task *task, Graph *into) {
  for (; task; task = task->next) append_copy(&into->first, &into->last, task);
}

EXPORT Result cuGraphInstantiateWithFlags(Graph **executable, Graph *handle, unsigned long long flags) {
  ENTER("cuGraphInstantiate");
  Graph *graph = object(handle, GRAPH, "cuGraphInstantiate");
  if (!graph || flags) return end(INVALID_HANDLE);
  *executable = make_object(EXECUTABLE, sizeof(Graph));
  copy_tasks(graph->first, *executable);
  return end(SUCCESS);
}

static Result destroy(Graph *handle, Kind kind, const char *function) {
  Graph *graph = object(handle, kind, function);
  if (!graph) return INVALID_HANDLE;
  graph->head.isAlive = false;
  free_tasks(graph->first);
  graph->first = graph->last = NULL;
  return SUCCESS;
}

EXPORT Result cuGraphDestroy(Graph *graph) {
  ENTER_RELEASE("cuGraphDestroy");
  LEAVE_RELEASE(destroy(graph, GRAPH, "cuGraphDestroy"));
}

EXPORT Result cuGraphExecDestroy(Graph *graph) {
  ENTER_RELEASE("cuGraphExecDestroy");
  LEAVE_RELEASE(destroy(graph, EXECUTABLE, "cuGraphExecDestroy"));
}

EXPORT Result cuGraphLaunch(Graph *handle, Stream *on) {
  ENTER("cuGraphLaunch");
  Graph *graph = object(handle, EXECUTABLE, "cuGraphLaunch");
  Stream *stream = object(on, STREAM, "cuGraphLaunch");
  if (!graph || !stream) return end(INVALID_HANDLE);
  for (const Task *task = graph->first; task; task = task->next) {
    // The graph works in the memory it was captured with; it has to be there still.
    if (task->work == COPY || task->work == FILL) {
      bool isHost = pinned_block(task->to, task->bytes) != NULL;
      if (!isHost && !device_block((Address)task->to, task->bytes, "cuGraphLaunch")) return end(INVALID_VALUE);
    }
    Task copy = *task;
    if (task->owned) {
      copy.owned = malloc(task->bytes);
      memcpy(copy.owned, task->owned, task->bytes);
      copy.from = copy.owned;
    }
    issue(stream, copy);
  }
  return end(SUCCESS);
}
