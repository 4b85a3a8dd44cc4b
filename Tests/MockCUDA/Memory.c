#define _GNU_SOURCE
#include "Mock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// Memory, a GPU's and pinned, and copies. Blocks are mapped by themselves with red zones around them, and unmapped when
// they are freed: a kernel that runs past one is told, one that uses it later crashes.

enum { RED_ZONE = 256, RED = 0xA5, POISONED = 16 << 20 };

// Alive ones; an array that grows.
static Block *blocks;
static int blockCount, blockRoom;
static size_t used[MAXIMUM_DEVICES], peak;

static size_t mapping(size_t size) { return size + 2 * RED_ZONE; }

static char *add_block(size_t size, bool isPinned, int device) {
  char *map = mmap(
      NULL, mapping(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return NULL;
  memset(map, RED, RED_ZONE);
  memset(map + RED_ZONE + size, RED, RED_ZONE);
  // Not a number, in every float type.
  memset(map + RED_ZONE, 0xFF, size < POISONED ? size : POISONED);
  if (blockCount == blockRoom) {
    blockRoom = blockRoom ? 2 * blockRoom : 64;
    blocks = realloc(blocks, (size_t)blockRoom * sizeof *blocks);
  }
  blocks[blockCount++] = (Block){map + RED_ZONE, size, isPinned, device};
  find_kernels();
  if (configuration.memory && !isPinned) configuration.memory(map + RED_ZONE, size);
  return map + RED_ZONE;
}

static bool is_red(const char *zone) {
  for (int i = 0; i < RED_ZONE; i++)
    if ((unsigned char)zone[i] != RED) return false;
  return true;
}

static void check(const Block *block) {
  if (!is_red(block->base - RED_ZONE)) violation("something wrote before a block of %zu bytes", block->size);
  if (!is_red(block->base + block->size)) violation("something wrote past a block of %zu bytes", block->size);
}

static void remove_block(int place) {
  check(&blocks[place]);
  if (!blocks[place].isPinned) {
    used[blocks[place].device] -= blocks[place].size;
    if (configuration.memory) configuration.memory(blocks[place].base, 0);
  }
  munmap(blocks[place].base - RED_ZONE, mapping(blocks[place].size));
  blocks[place] = blocks[--blockCount];
}

void check_red_zones(void) {
  for (int i = 0; i < blockCount; i++) check(&blocks[i]);
}

static Block *find(const char *address, size_t bytes, bool isPinned) {
  for (int i = 0; i < blockCount; i++)
    if (blocks[i].isPinned == isPinned && address >= blocks[i].base && address < blocks[i].base + blocks[i].size &&
        bytes <= (size_t)(blocks[i].base + blocks[i].size - address))
      return &blocks[i];
  return NULL;
}

Block *device_block(Address address, size_t bytes, const char *function) {
  Block *block = find((const char *)address, bytes, false);
  if (!block) {
    Block *part = find((const char *)address, 1, false);
    if (part)
      violation("%s of %zu bytes runs past a block of %zu bytes", function, bytes, part->size);
    else
      violation("%s of memory that is not allocated", function);
  } else if (block->device != current_device(function)) {
    violation("%s of another device's memory", function);
    return NULL;
  }
  return block;
}

Block *pinned_block(const void *address, size_t bytes) { return find(address, bytes, true); }

void count_memory(int device, int *count, int *pinned) {
  for (int i = 0; i < blockCount; i++)
    if (device < 0 || blocks[i].device == device) (*(blocks[i].isPinned ? pinned : count))++;
}

size_t memory_peak(void) { return peak; }

void free_memory_of(int device) {
  for (int i = blockCount - 1; i >= 0; i--)
    if (device < 0 || blocks[i].device == device) remove_block(i);
}

void forget_memory(void) {
  free_memory_of(-1);
  peak = 0;
}

// MARK: Exported

EXPORT Result cuMemGetInfo_v2(size_t *free, size_t *total) {
  ENTER("cuMemGetInfo");
  int device = current_device("cuMemGetInfo");
  if (device < 0) return end(INVALID_CONTEXT);
  *total = configuration.device[device].total;
  *free = configuration.device[device].free - used[device];
  return end(SUCCESS);
}

EXPORT Result cuMemAlloc_v2(Address *address, size_t bytes) {
  ENTER("cuMemAlloc");
  int device = current_device("cuMemAlloc");
  if (device < 0) return end(INVALID_CONTEXT);
  if (bytes == 0) return end(wrong(INVALID_VALUE, "cuMemAlloc of 0 bytes"));
  if (breaks_capture(device, false, "cuMemAlloc")) return end(CAPTURE_UNSUPPORTED);
  if (bytes > configuration.device[device].free - used[device]) return end(OUT_OF_MEMORY);
  char *base = add_block(bytes, false, device);
  if (!base) return end(OUT_OF_MEMORY);
  used[device] += bytes;
  if (used[device] > peak) peak = used[device];
  *address = (Address)base;
  return end(SUCCESS);
}

EXPORT Result cuMemFree_v2(Address address) {
  ENTER_RELEASE("cuMemFree");
  int device = current_device("cuMemFree");
  if (device < 0) LEAVE_RELEASE(INVALID_CONTEXT);
  if (breaks_capture(device, false, "cuMemFree")) LEAVE_RELEASE(CAPTURE_UNSUPPORTED);
  Block *block = find((const char *)address, 1, false);
  if (!block || block->base != (const char *)address)
    LEAVE_RELEASE(wrong(INVALID_VALUE, "cuMemFree of memory that is not allocated"));
  // The real one may wait for the work, or may not.
  if (is_pending(block->base, block->size)) {
    violation("cuMemFree of %zu bytes that work under way uses", block->size);
    drain_device(device);
  }
  remove_block((int)(block - blocks));
  LEAVE_RELEASE(SUCCESS);
}

EXPORT Result cuMemHostAlloc(void **address, size_t bytes, unsigned flags) {
  ENTER("cuMemHostAlloc");
  int device = current_device("cuMemHostAlloc");
  if (device < 0) return end(INVALID_CONTEXT);
  if (bytes == 0 || flags > 7) return end(wrong(INVALID_VALUE, "cuMemHostAlloc of %zu bytes", bytes));
  *address = add_block(bytes, true, device);
  return end(*address ? SUCCESS : OUT_OF_MEMORY);
}

EXPORT Result cuMemFreeHost(void *address) {
  ENTER_RELEASE("cuMemFreeHost");
  int device = current_device("cuMemFreeHost");
  if (device < 0) LEAVE_RELEASE(INVALID_CONTEXT);
  Block *block = find(address, 1, true);
  if (!block || block->base != address)
    LEAVE_RELEASE(wrong(INVALID_VALUE, "cuMemFreeHost of memory that is not allocated"));
  if (is_pending(block->base, block->size)) {
    violation("cuMemFreeHost of memory that a copy under way uses");
    drain_device(device);
  }
  remove_block((int)(block - blocks));
  LEAVE_RELEASE(SUCCESS);
}

EXPORT Result cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes, Stream *handle) {
  ENTER("cuMemcpyHtoDAsync");
  Stream *stream = object(handle, STREAM, "cuMemcpyHtoDAsync");
  if (!stream) return end(INVALID_HANDLE);
  if (!device_block(to, bytes, "cuMemcpyHtoDAsync")) return end(INVALID_VALUE);
  Task task = {.work = COPY, .from = from, .to = (char *)to, .bytes = bytes};
  if (!pinned_block(from, bytes)) {
    if (stream->capture) return end(wrong(INVALID_VALUE, "a copy from pageable memory in a capture"));
    // Taken at once, as by the real one.
    task.owned = malloc(bytes);
    memcpy(task.owned, from, bytes);
    task.from = task.owned;
  }
  issue(stream, task);
  return end(SUCCESS);
}

EXPORT Result cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes, Stream *handle) {
  ENTER("cuMemcpyDtoHAsync");
  Stream *stream = object(handle, STREAM, "cuMemcpyDtoHAsync");
  if (!stream) return end(INVALID_HANDLE);
  if (!device_block(from, bytes, "cuMemcpyDtoHAsync")) return end(INVALID_VALUE);
  bool isPinned = pinned_block(to, bytes);
  if (!isPinned && stream->capture) return end(wrong(INVALID_VALUE, "a copy to pageable memory in a capture"));
  issue(stream, (Task){.work = COPY, .from = (const char *)from, .to = to, .bytes = bytes});
  // To pageable memory it waits.
  if (!isPinned) drain(stream, stream->issued);
  return end(SUCCESS);
}

EXPORT Result cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Stream *handle) {
  ENTER("cuMemcpyDtoDAsync");
  Stream *stream = object(handle, STREAM, "cuMemcpyDtoDAsync");
  if (!stream) return end(INVALID_HANDLE);
  if (!device_block(from, bytes, "cuMemcpyDtoDAsync") || !device_block(to, bytes, "cuMemcpyDtoDAsync"))
    return end(INVALID_VALUE);
  if (from < to + bytes && to < from + bytes)
    return end(wrong(INVALID_VALUE, "cuMemcpyDtoDAsync between places that overlap"));
  issue(stream, (Task){.work = COPY, .from = (const char *)from, .to = (char *)to, .bytes = bytes});
  return end(SUCCESS);
}

static Result fill(Address to, unsigned pattern, int patternBytes, size_t count, Stream *handle, const char *function) {
  Stream *stream = object(handle, STREAM, function);
  if (!stream) return INVALID_HANDLE;
  if (to % (unsigned)patternBytes) return wrong(INVALID_VALUE, "%s of an odd address", function);
  size_t bytes = count * (size_t)patternBytes;
  if (!device_block(to, bytes, function)) return INVALID_VALUE;
  issue(
      stream,
      (Task){.work = FILL, .to = (char *)to, .bytes = bytes, .pattern = pattern, .patternBytes = patternBytes});
  return SUCCESS;
}

EXPORT Result cuMemsetD8Async(Address to, unsigned char byte, size_t count, Stream *stream) {
  ENTER("cuMemsetD8Async");
  return end(fill(to, byte, 1, count, stream, "cuMemsetD8Async"));
}

EXPORT Result cuMemsetD32Async(Address to, unsigned word, size_t count, Stream *stream) {
  ENTER("cuMemsetD32Async");
  return end(fill(to, word, 4, count, stream, "cuMemsetD32Async"));
}
