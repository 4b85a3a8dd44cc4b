#define _GNU_SOURCE
#include "Mock.h"

#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Device code, its kernels, and their launches.

enum { MACHINE_CUDA = 190, MAXIMUM_ARGUMENTS = 4096 };

typedef struct {
  Object head;
  const char *image;
  bool isPTX;
} Module;

typedef struct {
  Object head;
  Module *module;
  char name[128];
  int blockThreads, staticShared, dynamicShared;
} Function;

// MARK: Images

static const Elf64_Shdr *section(const char *image, int number) {
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
  return (const Elf64_Shdr *)(image + header->e_shoff) + number;
}

static bool has_symbol(const char *image, const char *name) {
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
  for (int i = 0; i < header->e_shnum; i++) {
    const Elf64_Shdr *table = section(image, i);
    if (table->sh_type != SHT_SYMTAB) continue;
    const char *strings = image + section(image, (int)table->sh_link)->sh_offset;
    const Elf64_Sym *symbols = (const Elf64_Sym *)(image + table->sh_offset);
    for (size_t j = 0; j < table->sh_size / sizeof *symbols; j++)
      if (ELF64_ST_TYPE(symbols[j].st_info) == STT_FUNC && !strcmp(strings + symbols[j].st_name, name)) return true;
  }
  return false;
}

static int shared_of(const char *image, const char *name) {
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
  const char *strings = image + section(image, header->e_shstrndx)->sh_offset;
  char wanted[160];
  snprintf(wanted, sizeof wanted, ".nv.shared.%s", name);
  for (int i = 0; i < header->e_shnum; i++)
    if (!strcmp(strings + section(image, i)->sh_name, wanted))
      // From sm_90 on the first KiB is the system's, and does not count.
      return (int)section(image, i)->sh_size - ((header->e_flags & 0xff) >= 90 ? 1024 : 0);
  return 0;
}

/// The rest of a PTX text behind `.entry NAME`, or NULL.
static const char *entry_of(const char *text, const char *name) {
  size_t length = strlen(name);
  for (const char *place = text; (place = strstr(place, ".entry "));) {
    place += 7;
    if (!strncmp(place, name, length) && strchr("( \n\r\t", place[length])) return place + length;
  }
  return NULL;
}

/// Whether the device takes the image, and what is wrong with it.
static Result check_image(const char *image, const Device *device, char *log, size_t size) {
  int capability = 10 * device->major + device->minor;
  if (!memcmp(image, ELFMAG, SELFMAG)) {
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
    int made = (int)(header->e_flags & 0xff);
    if (header->e_machine != MACHINE_CUDA) return INVALID_IMAGE;
    return made / 10 == device->major && made <= capability ? SUCCESS : NO_BINARY_FOR_GPU;
  }
  int major = 0, minor = 0, made = 0;
  const char *version = strstr(image, ".version "), *target = strstr(image, ".target sm_");
  if (!version || !target || sscanf(version, ".version %d.%d", &major, &minor) != 2 ||
      sscanf(target, ".target sm_%d", &made) != 1) {
    snprintf(log, size, "ptxas application ptx input, line 1; fatal   : no .version or no .target");
    return INVALID_PTX;
  }
  // PTX 7.0 came with CUDA 11.0, 8.0 with 12.0.
  if (1000 * (major + 4) + 10 * minor > configuration.version) return UNSUPPORTED_PTX_VERSION;
  return made <= capability ? SUCCESS : INVALID_PTX;
}

EXPORT Result cuModuleLoadDataEx(Module **module, const void *image, unsigned options, int *keys, void **values) {
  ENTER("cuModuleLoadDataEx");
  int device = current_device("cuModuleLoadDataEx");
  if (device < 0) return end(INVALID_CONTEXT);
  if (breaks_capture(device, false, "cuModuleLoadDataEx")) return end(CAPTURE_UNSUPPORTED);
  char none[1], *log = none;
  size_t size = 1;
  for (unsigned i = 0; i < options; i++) {
    if (keys[i] == 5) log = values[i];
    if (keys[i] == 6) size = (size_t)values[i];
  }
  log[0] = 0;
  Result result = check_image(image, &configuration.device[device], log, size);
  if (result != SUCCESS) return end(result);
  *module = make_object(MODULE, sizeof **module);
  (*module)->image = image;
  (*module)->isPTX = memcmp(image, ELFMAG, SELFMAG) != 0;
  return end(SUCCESS);
}

EXPORT Result cuModuleUnload(Module *handle) {
  ENTER_RELEASE("cuModuleUnload");
  Module *module = object(handle, MODULE, "cuModuleUnload");
  if (!module) LEAVE_RELEASE(INVALID_HANDLE);
  int device = module->head.device;
  // Code must not go while it runs.
  drain_device(device);
  module->head.isAlive = false;
  LEAVE_RELEASE(SUCCESS);
}

EXPORT Result cuModuleGetFunction(Function **function, Module *handle, const char *name) {
  ENTER("cuModuleGetFunction");
  Module *module = object(handle, MODULE, "cuModuleGetFunction");
  if (!module) return end(INVALID_HANDLE);
  const char *entry = module->isPTX ? entry_of(module->image, name) : NULL;
  if (module->isPTX ? !entry : !has_symbol(module->image, name)) return end(NOT_FOUND);
  *function = make_object(FUNCTION, sizeof **function);
  (*function)->module = module;
  (*function)->blockThreads = 1024;
  (*function)->dynamicShared = -1;
  snprintf((*function)->name, sizeof (*function)->name, "%s", name);
  if (!module->isPTX) (*function)->staticShared = shared_of(module->image, name);
  int most = 0;
  const char *bound = entry ? strstr(entry, ".maxntid ") : NULL, *next = entry ? strstr(entry, ".entry ") : NULL;
  if (bound && (!next || bound < next) && sscanf(bound, ".maxntid %d", &most) == 1) (*function)->blockThreads = most;
  return end(SUCCESS);
}

// MARK: Functions

static Function *function_object(void *handle, const char *caller) {
  Function *function = object(handle, FUNCTION, caller);
  if (function && !function->module->head.isAlive) {
    violation("%s of %s, whose module is gone", caller, function->name);
    return NULL;
  }
  return function;
}

static int dynamic_limit(const Function *function) {
  return function->dynamicShared >= 0 ? function->dynamicShared : (48 << 10) - function->staticShared;
}

EXPORT Result cuFuncGetAttribute(int *value, int attribute, Function *handle) {
  ENTER("cuFuncGetAttribute");
  Function *function = function_object(handle, "cuFuncGetAttribute");
  if (!function) return end(INVALID_HANDLE);
  switch (attribute) {
    case 0: *value = function->blockThreads; break;
    case 1: *value = function->staticShared; break;
    case 8: *value = dynamic_limit(function); break;
    default: return end(wrong(INVALID_VALUE, "cuFuncGetAttribute of the unknown attribute %d", attribute));
  }
  return end(SUCCESS);
}

EXPORT Result cuFuncSetAttribute(Function *handle, int attribute, int value) {
  ENTER("cuFuncSetAttribute");
  Function *function = function_object(handle, "cuFuncSetAttribute");
  if (!function) return end(INVALID_HANDLE);
  int limit = shared_limit(&configuration.device[function->head.device]);
  if (attribute != 8 || value < 0 || value + function->staticShared > limit)
    return end(wrong(INVALID_VALUE, "cuFuncSetAttribute of %s: %d", function->name, value));
  function->dynamicShared = value;
  return end(SUCCESS);
}

// MARK: Launches

enum { MAXIMUM_KERNELS = 200 };
static struct {
  char name[128];
  int runs;
} kernels[MAXIMUM_KERNELS];
static int kernelCount;

size_t describe_launches(char *text, size_t size) {
  size_t length = 0;
  for (int i = 0; i < kernelCount; i++)
    length += (size_t)snprintf(
        text + (length < size ? length : size), length < size ? size - length : 0, "%s\"%s\":%d", i ? "," : "",
        kernels[i].name, kernels[i].runs);
  return length;
}

void forget_launches(void) { kernelCount = 0; }

void find_kernels(void) {
  if (configuration.launch || !configuration.kernels[0]) return;
  void *library = dlopen(configuration.kernels, RTLD_NOW | RTLD_LOCAL);
  if (!library) return violation("%s cannot be loaded: %s", configuration.kernels, dlerror());
  *(void **)&configuration.launch = dlsym(library, "foley_emulated_launch");
  *(void **)&configuration.memory = dlsym(library, "foley_emulated_memory");
}

void run_kernel(const Task *task) {
  int place = 0;
  while (place < kernelCount && strcmp(kernels[place].name, task->kernel)) place++;
  if (place == kernelCount && kernelCount < MAXIMUM_KERNELS) {
    memcpy(kernels[kernelCount].name, task->kernel, sizeof task->kernel);
    kernels[kernelCount++].runs = 0;
  }
  if (place < kernelCount) kernels[place].runs++;
  find_kernels();
  MockLaunch launch = configuration.launch;
  if (launch && launch(task->kernel, task->owned, task->bytes, task->grid, task->block, task->sharedBytes) != 0)
    violation("the kernel %s could not be run", task->kernel);
}

EXPORT Result cuLaunchKernel(
    Function *handle, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
    unsigned blockZ, unsigned shared, Stream *on, void **arguments, void **extra) {
  ENTER("cuLaunchKernel");
  Function *function = function_object(handle, "cuLaunchKernel");
  Stream *stream = object(on, STREAM, "cuLaunchKernel");
  if (!function || !stream) return end(INVALID_HANDLE);
  const char *name = function->name;
  if (arguments || !extra) return end(wrong(INVALID_VALUE, "%s without arguments as one block of bytes", name));
  if (!gridX || !gridY || !gridZ || gridX > 2147483647u || gridY > 65535 || gridZ > 65535)
    return end(wrong(INVALID_VALUE, "%s on a grid of %u x %u x %u", name, gridX, gridY, gridZ));
  uint64_t threads = (uint64_t)blockX * blockY * blockZ;
  if (!threads || blockX > 1024 || blockY > 1024 || blockZ > 64 || threads > (uint64_t)function->blockThreads)
    return end(wrong(INVALID_VALUE, "%s in blocks of %u x %u x %u", name, blockX, blockY, blockZ));
  if ((int)shared > dynamic_limit(function))
    return end(wrong(INVALID_VALUE, "%s with %u bytes of shared memory", name, shared));

  const void *bytes = NULL;
  size_t size = 0;
  for (; *extra; extra += 2) {
    if (*extra == (void *)1) bytes = extra[1];
    else if (*extra == (void *)2) size = *(size_t *)extra[1];
    else return end(wrong(INVALID_VALUE, "%s with unknown extras", name));
  }
  if ((size > 0 && !bytes) || size > MAXIMUM_ARGUMENTS)
    return end(wrong(INVALID_VALUE, "%s with %zu bytes of arguments", name, size));
  Task task = {
      .work = LAUNCH, .owned = malloc(size + 1), .bytes = size, .grid = {gridX, gridY, gridZ},
      .block = {blockX, blockY, blockZ}, .sharedBytes = shared};
  if (size) memcpy(task.owned, bytes, size);
  snprintf(task.kernel, sizeof task.kernel, "%s", name);
  issue(stream, task);
  return end(SUCCESS);
}

// MARK: Lookup

void *exported(const char *name) {
  Dl_info here;
  if (!dladdr((void *)exported, &here)) return NULL;
  void *library = dlopen(here.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  if (!library) return NULL;
  // Of each function there is one variant, the one that CUDA 11.8 means.
  char second[80];
  snprintf(second, sizeof second, "%s_v2", name);
  void *found = dlsym(library, second);
  if (!found) found = dlsym(library, name);
  dlclose(library);
  return found;
}
