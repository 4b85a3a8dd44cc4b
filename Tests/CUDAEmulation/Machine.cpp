// Fibers, their scheduler, and the instructions that need several of them: see Emulation.h.

#include "Emulation.h"

#undef barrier
#undef warp_barrier
#undef below
#undef copy_async_wait
#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "Context.h"

struct FoleyEmulatedKernel {
  std::string name;
  emulation::Body body;
  size_t parameterSize;
};

namespace emulation {
namespace {

// MARK: What all host threads share

std::mutex &lock() {
  static std::mutex mutex;
  return mutex;
}
std::map<std::string, FoleyEmulatedKernel> &kernels() {
  static std::map<std::string, FoleyEmulatedKernel> all;
  return all;
}
/// End of each registered piece of memory by its start.
std::map<uintptr_t, uintptr_t> &allocations() {
  static std::map<uintptr_t, uintptr_t> all;
  return all;
}
/// References stay valid as the list grows.
std::deque<FoleySite> &sites() {
  static std::deque<FoleySite> all;
  return all;
}

// MARK: The threads of a block

constexpr int lanes = 32;

enum class State { ready, atBarrier, atWarp, done };

/// What a lane asks of its warp.
enum class Request { none, meet, shuffle, matrices, matricesTransposed, multiplyBF16, multiplyTF32 };

struct Copy {
  void *to;
  const void *from;
  bool valid;
};

struct Fiber {
  Context context;
  State state;
  Index3 index;
  Request request;
  int site;
  // Operands of the request, where the lane has them.
  float *sums;
  const unsigned *left;
  unsigned right[2];
  unsigned *words;
  const void *address;
  int mask;
  std::vector<std::vector<Copy>> groups;
  std::vector<Copy> open;
};

// MARK: The machine of one host thread

struct Machine {
  Context scheduler;
  std::vector<Fiber> fibers;
  unsigned char *stacks = nullptr;
  size_t stackCount = 0;
  std::vector<unsigned char> sharedStorage;
  unsigned char *shared = nullptr;
  size_t sharedBytes = 0;

  const FoleyEmulatedKernel *kernel = nullptr;
  const void *parameters = nullptr;
  FoleyEmulatedLaunch launch{};
  Index3 block{};
  Fiber *current = nullptr;
  bool faulted = false;
  std::string fault;
  uint64_t random = 1;
  uint64_t conflicts = 0;
  std::vector<unsigned char> reached;
  std::vector<std::pair<uintptr_t, uintptr_t>> memory;
  size_t lastMemory = 0;

  ~Machine() {
    if (stacks) munmap(stacks, stackCount * stackSize);
  }

  uint32_t next(uint32_t bound) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return (uint32_t)((random >> 32) * bound >> 32);
  }

  void run();
  bool run_block();
  void run_warp(int warp);
  void serve(int warp);
  void leave() { switch_to(current->context, scheduler); }
};

thread_local Machine *machine = nullptr;
thread_local Machine threadMachine;

/// Ends the run. Never returns on a fiber: its stack is simply not continued.
__attribute__((format(printf, 1, 2))) void fail(const char *format, ...) {
  Machine &m = *machine;
  if (!m.faulted) {
    char text[512], place[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (m.current)
      snprintf(
          place, sizeof place, " (block %u, thread %u)", m.block.x, m.current->index.x);
    else
      snprintf(place, sizeof place, " (block %u)", m.block.x);
    m.fault = m.kernel->name + ": " + text + place;
    m.faulted = true;
  }
  if (m.current) m.leave();
}

void fiber_main() {
  Machine &m = *machine;
  m.kernel->body(m.parameters);
  m.current->state = State::done;
  m.leave();
  abort();
}

void Machine::run_warp(int warp) {
  Fiber *members = &fibers[warp * lanes];
  // All orders would take as long to draw as the lanes do to run; these differ in who is before whom often
  // enough.
  const uint32_t step = 2 * next(16) + 1, start = next(lanes);
  for (uint32_t i = 0; i < lanes; i++) {
    Fiber &fiber = members[(start + i * step) % lanes];
    if (fiber.state != State::ready) continue;
    current = &fiber;
    switch_to(scheduler, fiber.context);
    current = nullptr;
    if (faulted) return;
  }
  for (int i = 1; i < lanes; i++)
    if (members[i].state != members[0].state || members[i].request != members[0].request
        || (members[i].state != State::done && members[i].site != members[0].site))
      return fail("lanes 0 and %d of warp %d wait for different things", i, warp);
  if (members[0].state == State::atWarp) serve(warp);
}

/// Does what all lanes of a warp have asked for.
void Machine::serve(int warp) {
  Fiber *members = &fibers[warp * lanes];
  switch (members[0].request) {
  case Request::none:
  case Request::meet: break;
  case Request::shuffle: {
    float values[lanes];
    for (int i = 0; i < lanes; i++) values[i] = *members[i].sums;
    for (int i = 0; i < lanes; i++) *members[i].sums = values[i ^ members[i].mask];
    break;
  }
  case Request::matrices:
  case Request::matricesTransposed: {
    const bool transposed = members[0].request == Request::matricesTransposed;
    for (int matrix = 0; matrix < 4; matrix++) {
      uint16_t elements[8][8];
      int rowsOfBank[8] = {0};
      for (int row = 0; row < 8; row++) {
        const unsigned char *address = (const unsigned char *)members[8 * matrix + row].address;
        memcpy(elements[row], address, 16);
        bool known = false;
        for (int other = 0; other < row; other++)
          known = known || members[8 * matrix + other].address == (const void *)address;
        if (!known) rowsOfBank[(address - shared) / 16 % 8]++;
      }
      for (int bank = 0; bank < 8; bank++)
        if (rowsOfBank[bank] > 1) conflicts += rowsOfBank[bank] - 1;
      for (int lane = 0; lane < lanes; lane++) {
        const int row = lane / 4, word = lane % 4;
        const unsigned low = transposed ? elements[2 * word][row] : elements[row][2 * word];
        const unsigned high = transposed ? elements[2 * word + 1][row] : elements[row][2 * word + 1];
        members[lane].words[matrix] = high << 16 | low;
      }
    }
    break;
  }
  case Request::multiplyBF16:
  case Request::multiplyTF32: {
    const bool bf16 = members[0].request == Request::multiplyBF16;
    const int depth = bf16 ? 16 : 8;
    float a[16][16], b[16][8];
    for (int lane = 0; lane < lanes; lane++) {
      const Fiber &f = members[lane];
      const int g = lane / 4, t = lane % 4;
      for (int i = 0; i < 4; i++) {
        const int row = g + (i & 1) * 8;
        if (bf16) {
          a[row][2 * t + (i >> 1) * 8] = bits_to_float(f.left[i] << 16);
          a[row][2 * t + (i >> 1) * 8 + 1] = bits_to_float(f.left[i] & 0xFFFF0000);
        } else {
          a[row][t + (i >> 1) * 4] = bits_to_float(f.left[i] & 0xFFFFE000);
        }
      }
      for (int i = 0; i < 2; i++) {
        if (bf16) {
          b[2 * t + i * 8][g] = bits_to_float(f.right[i] << 16);
          b[2 * t + i * 8 + 1][g] = bits_to_float(f.right[i] & 0xFFFF0000);
        } else {
          b[t + i * 4][g] = bits_to_float(f.right[i] & 0xFFFFE000);
        }
      }
    }
    float sums[16][8] = {};
    for (int row = 0; row < 16; row++)
      for (int k = 0; k < depth; k++)
        for (int column = 0; column < 8; column++) sums[row][column] += a[row][k] * b[k][column];
    for (int lane = 0; lane < lanes; lane++)
      for (int i = 0; i < 4; i++)
        members[lane].sums[i] += sums[lane / 4 + (i >> 1) * 8][lane % 4 * 2 + (i & 1)];
    break;
  }
  }
  for (int i = 0; i < lanes; i++) members[i].state = State::ready;
}

bool Machine::run_block() {
  // Whatever reads what nobody wrote shall see that it is not a number.
  memset(shared, 0xFF, sharedBytes);
  const uint32_t count = launch.block, warps = count / lanes;
  for (uint32_t i = 0; i < count; i++) {
    Fiber &fiber = fibers[i];
    prepare(fiber.context, stacks + i * stackSize, fiber_main);
    fiber.state = State::ready;
    fiber.request = Request::none;
    fiber.site = -1;
    fiber.index = {i, 0, 0};
    fiber.groups.clear();
    fiber.open.clear();
  }
  std::vector<uint32_t> runnable;
  for (;;) {
    runnable.clear();
    uint32_t waiting = 0, done = 0;
    for (uint32_t warp = 0; warp < warps; warp++) {
      const State state = fibers[warp * lanes].state;
      if (state == State::ready) runnable.push_back(warp);
      waiting += state == State::atBarrier;
      done += state == State::done;
    }
    if (runnable.empty()) {
      if (done == warps) break;
      if (waiting != warps) return fail("some warps have left, others wait at a barrier"), false;
      for (uint32_t warp = 1; warp < warps; warp++)
        if (fibers[warp * lanes].site != fibers[0].site)
          return fail("warps 0 and %u wait at different barriers", warp), false;
      for (uint32_t i = 0; i < count; i++) fibers[i].state = State::ready;
      continue;
    }
    const uint32_t warp = runnable[next((uint32_t)runnable.size())];
    do run_warp((int)warp);
    while (!faulted && launch.mode == FoleyEmulationBursty
           && fibers[warp * lanes].state == State::ready);
    if (faulted) return false;
  }
  for (uint32_t i = 0; i < count; i++)
    for (const auto &group : fibers[i].groups)
      if (!group.empty()) return fail("thread %u ends before its copies have arrived", i), false;
  return true;
}

void Machine::run() {
  fault.clear();
  faulted = false;
  conflicts = 0;
  current = nullptr;
  random = (launch.seed + 1) * 0x9E3779B97F4A7C15u | 1;
  for (int i = 0; i < 4; i++) next(2);
  {
    std::lock_guard<std::mutex> guard(lock());
    memory.assign(allocations().begin(), allocations().end());
    // Sites of code that runs for the first time come on top.
    reached.resize(sites().size() + 1024, 0);
  }
  lastMemory = 0;
  if (launch.block == 0 || launch.block % lanes || launch.block > 1024)
    return fail("blocks of %u threads", launch.block);
  if (launch.shared > 99 * 1024) return fail("%u bytes of shared memory", launch.shared);
  if (launch.block > stackCount) {
    if (stacks) munmap(stacks, stackCount * stackSize);
    stackCount = launch.block;
    stacks = (unsigned char *)mmap(
        nullptr, stackCount * stackSize, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stacks == MAP_FAILED) abort();
  }
  if (fibers.size() < launch.block) fibers.resize(launch.block);
  sharedBytes = launch.shared;
  sharedStorage.resize(sharedBytes + 128);
  shared = (unsigned char *)(((uintptr_t)sharedStorage.data() + 127) & ~(uintptr_t)127);

  // A walk with a step that has no divisor in common with the grid meets every block once.
  const uint32_t grid = launch.grid;
  uint32_t step = 1;
  if (grid > 1) {
    step = 1 + next(grid - 1);
    while (std::__gcd(step, grid) != 1) step = step % (grid - 1) + 1;
  }
  uint32_t at = grid ? next(grid) : 0;
  for (uint32_t i = 0; i < grid; i++) {
    block = {at, 0, 0};
    if (!run_block()) return;
    at = (uint32_t)(((uint64_t)at + step) % grid);
  }
}

void ask(Request request, int site = -1) {
  Fiber &fiber = *machine->current;
  fiber.request = request;
  fiber.site = site;
  fiber.state = State::atWarp;
  machine->leave();
}

void arrive(const Copy &copy) {
  if (copy.valid)
    memcpy(copy.to, copy.from, 16);
  else
    memset(copy.to, 0, 16);
}

}  // namespace

// MARK: What kernels call

Registration::Registration(const char *name, Body body, size_t parameterSize) {
  std::lock_guard<std::mutex> guard(lock());
  kernels()[name] = FoleyEmulatedKernel{name, body, parameterSize};
}

int site(FoleySiteKind kind, const char *file, int line) {
  const char *slash = strrchr(file, '/');
  const char *name = slash ? slash + 1 : file;
  std::lock_guard<std::mutex> guard(lock());
  auto &all = sites();
  for (size_t i = 0; i < all.size(); i++)
    if (all[i].kind == kind && all[i].line == line && strcmp(all[i].file, name) == 0) return (int)i;
  all.push_back({kind, name, line});
  return (int)all.size() - 1;
}

Index3 thread_index() { return machine->current->index; }
Index3 block_index() { return machine->block; }
Index3 block_size() { return {machine->launch.block, 1, 1}; }
Index3 grid_size() { return {machine->launch.grid, 1, 1}; }
unsigned char *shared_memory() { return machine->shared; }

bool reach(int site) {
  machine->reached[site] = 1;
  return site == machine->launch.weakened;
}

void barrier(int site) {
  if (reach(site)) return;
  Fiber &fiber = *machine->current;
  fiber.request = Request::none;
  fiber.site = site;
  fiber.state = State::atBarrier;
  machine->leave();
}

void warp_barrier(int site) {
  if (!reach(site)) ask(Request::meet, site);
}

void check_global(const void *address, size_t bytes, bool written) {
  const uintptr_t start = (uintptr_t)address, end = start + bytes;
  Machine &m = *machine;
  const char *what = written ? "a write" : "a read";
  if (start % bytes) fail("%s of %zu bytes at %p is not aligned", what, bytes, address);
  if (m.lastMemory < m.memory.size() && m.memory[m.lastMemory].first <= start
      && end <= m.memory[m.lastMemory].second)
    return;
  auto after = std::upper_bound(
      m.memory.begin(), m.memory.end(), std::make_pair(start, UINTPTR_MAX));
  if (after == m.memory.begin() || end > (after - 1)->second)
    fail("%s of %zu bytes at %p is outside of all memory", what, bytes, address);
  m.lastMemory = (size_t)(after - 1 - m.memory.begin());
}

void check_shared(const void *address, size_t bytes, bool written) {
  Machine &m = *machine;
  const char *what = written ? "a write" : "a read";
  if ((uintptr_t)address % bytes)
    fail("%s of %zu shared bytes at %p is not aligned", what, bytes, address);
  if (address < (void *)m.shared || (unsigned char *)address + bytes > m.shared + m.sharedBytes)
    fail("%s of %zu shared bytes is outside of the %zu there are", what, bytes, m.sharedBytes);
}

void copy_async(void *shared, const void *global, bool valid) {
  check_shared(shared, 16, true);
  if (valid) check_global(global, 16, false);
  const Copy copy = {shared, global, valid};
  if (machine->launch.mode == FoleyEmulationBursty)
    arrive(copy);
  else
    machine->current->open.push_back(copy);
}

void copy_async_commit() {
  Fiber &fiber = *machine->current;
  fiber.groups.push_back(std::move(fiber.open));
  fiber.open.clear();
}

void copy_async_wait(int site, int pending) {
  if (reach(site)) pending++;
  Fiber &fiber = *machine->current;
  while ((int)fiber.groups.size() > pending) {
    for (const Copy &copy : fiber.groups.front()) arrive(copy);
    fiber.groups.erase(fiber.groups.begin());
  }
}

float shuffle_xor(float value, int mask) {
  Fiber &fiber = *machine->current;
  fiber.sums = &value;
  fiber.mask = mask;
  ask(Request::shuffle);
  return value;
}

void load_matrices(unsigned (&to)[4], const void *row, bool transposed) {
  check_shared(row, 16, false);
  Fiber &fiber = *machine->current;
  fiber.words = to;
  fiber.address = row;
  ask(transposed ? Request::matricesTransposed : Request::matrices);
}

void multiply(float (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1, bool bf16) {
  Fiber &fiber = *machine->current;
  fiber.sums = sum;
  fiber.left = a;
  fiber.right[0] = b0;
  fiber.right[1] = b1;
  ask(bf16 ? Request::multiplyBF16 : Request::multiplyTF32);
}

}  // namespace emulation

// MARK: What hosts call

using namespace emulation;

const FoleyEmulatedKernel *foley_emulated_kernel(const char *name) {
  const auto found = kernels().find(name);
  return found == kernels().end() ? nullptr : &found->second;
}

size_t foley_emulated_kernel_count(void) { return kernels().size(); }

const char *foley_emulated_kernel_name(size_t index) {
  auto kernel = kernels().begin();
  std::advance(kernel, index);
  return kernel->first.c_str();
}

size_t foley_emulated_kernel_parameter_size(const FoleyEmulatedKernel *kernel) {
  return kernel->parameterSize;
}

const char *foley_emulated_run(
    const FoleyEmulatedKernel *kernel, const void *parameters, FoleyEmulatedLaunch launch) {
  machine = &threadMachine;
  // A launch copies its parameters.
  std::vector<uint64_t> copied((kernel->parameterSize + 7) / 8);
  memcpy(copied.data(), parameters, kernel->parameterSize);
  machine->kernel = kernel;
  machine->parameters = copied.data();
  machine->launch = launch;
  machine->run();
  return machine->faulted ? machine->fault.c_str() : nullptr;
}

uint64_t foley_emulated_bank_conflicts(void) { return threadMachine.conflicts; }

void foley_emulated_register(const void *base, size_t bytes) {
  std::lock_guard<std::mutex> guard(lock());
  allocations()[(uintptr_t)base] = (uintptr_t)base + bytes;
}

void foley_emulated_unregister(const void *base) {
  std::lock_guard<std::mutex> guard(lock());
  allocations().erase((uintptr_t)base);
}

size_t foley_emulated_site_count(void) {
  std::lock_guard<std::mutex> guard(lock());
  return sites().size();
}

FoleySite foley_emulated_site(size_t index) {
  std::lock_guard<std::mutex> guard(lock());
  return sites()[index];
}

void foley_emulated_forget_sites(void) { threadMachine.reached.clear(); }

int foley_emulated_site_was_reached(size_t index) {
  return index < threadMachine.reached.size() && threadMachine.reached[index];
}
