#define _GNU_SOURCE
#include "FoleyCudaDriver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

// Where each function goes, and its name twice: as `cuGetProcAddress` is asked, which picks the variant of a
// version by itself, and as the library exports the variant that has the declared arguments.
typedef struct {
  size_t place;
  const char *name;
  const char *exported;
} Entry;

#define ENTRY(field, name, exported) {offsetof(FoleyCudaDriver, field), name, exported}

static const Entry entries[] = {
    ENTRY(getErrorName, "cuGetErrorName", "cuGetErrorName"),
    ENTRY(getErrorString, "cuGetErrorString", "cuGetErrorString"),
    ENTRY(deviceGetCount, "cuDeviceGetCount", "cuDeviceGetCount"),
    ENTRY(deviceGet, "cuDeviceGet", "cuDeviceGet"),
    ENTRY(deviceGetName, "cuDeviceGetName", "cuDeviceGetName"),
    ENTRY(deviceGetUuid, "cuDeviceGetUuid", "cuDeviceGetUuid_v2"),
    ENTRY(deviceGetPCIBusId, "cuDeviceGetPCIBusId", "cuDeviceGetPCIBusId"),
    ENTRY(deviceTotalMem, "cuDeviceTotalMem", "cuDeviceTotalMem_v2"),
    ENTRY(deviceGetAttribute, "cuDeviceGetAttribute", "cuDeviceGetAttribute"),
    ENTRY(devicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRetain"),
    ENTRY(devicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease", "cuDevicePrimaryCtxRelease_v2"),
    ENTRY(ctxSetCurrent, "cuCtxSetCurrent", "cuCtxSetCurrent"),
    ENTRY(ctxSynchronize, "cuCtxSynchronize", "cuCtxSynchronize"),
    ENTRY(memGetInfo, "cuMemGetInfo", "cuMemGetInfo_v2"),
    ENTRY(memAlloc, "cuMemAlloc", "cuMemAlloc_v2"),
    ENTRY(memFree, "cuMemFree", "cuMemFree_v2"),
    ENTRY(memHostAlloc, "cuMemHostAlloc", "cuMemHostAlloc"),
    ENTRY(memFreeHost, "cuMemFreeHost", "cuMemFreeHost"),
    ENTRY(memcpyHtoDAsync, "cuMemcpyHtoDAsync", "cuMemcpyHtoDAsync_v2"),
    ENTRY(memcpyDtoHAsync, "cuMemcpyDtoHAsync", "cuMemcpyDtoHAsync_v2"),
    ENTRY(memcpyDtoDAsync, "cuMemcpyDtoDAsync", "cuMemcpyDtoDAsync_v2"),
    ENTRY(memsetD8Async, "cuMemsetD8Async", "cuMemsetD8Async"),
    ENTRY(memsetD32Async, "cuMemsetD32Async", "cuMemsetD32Async"),
    ENTRY(streamCreate, "cuStreamCreate", "cuStreamCreate"),
    ENTRY(streamDestroy, "cuStreamDestroy", "cuStreamDestroy_v2"),
    ENTRY(streamSynchronize, "cuStreamSynchronize", "cuStreamSynchronize"),
    ENTRY(streamWaitEvent, "cuStreamWaitEvent", "cuStreamWaitEvent"),
    ENTRY(eventCreate, "cuEventCreate", "cuEventCreate"),
    ENTRY(eventDestroy, "cuEventDestroy", "cuEventDestroy_v2"),
    ENTRY(eventRecord, "cuEventRecord", "cuEventRecord"),
    ENTRY(eventQuery, "cuEventQuery", "cuEventQuery"),
    ENTRY(eventSynchronize, "cuEventSynchronize", "cuEventSynchronize"),
    ENTRY(eventElapsedTime, "cuEventElapsedTime", "cuEventElapsedTime"),
    ENTRY(moduleLoadDataEx, "cuModuleLoadDataEx", "cuModuleLoadDataEx"),
    ENTRY(moduleUnload, "cuModuleUnload", "cuModuleUnload"),
    ENTRY(moduleGetFunction, "cuModuleGetFunction", "cuModuleGetFunction"),
    ENTRY(funcGetAttribute, "cuFuncGetAttribute", "cuFuncGetAttribute"),
    ENTRY(funcSetAttribute, "cuFuncSetAttribute", "cuFuncSetAttribute"),
    ENTRY(launchKernel, "cuLaunchKernel", "cuLaunchKernel"),
    ENTRY(streamBeginCapture, "cuStreamBeginCapture", "cuStreamBeginCapture_v2"),
    ENTRY(streamEndCapture, "cuStreamEndCapture", "cuStreamEndCapture"),
    // The plain name has had three lists of arguments; this one has had one.
    ENTRY(graphInstantiate, "cuGraphInstantiateWithFlags", "cuGraphInstantiateWithFlags"),
    ENTRY(graphDestroy, "cuGraphDestroy", "cuGraphDestroy"),
    ENTRY(graphLaunch, "cuGraphLaunch", "cuGraphLaunch"),
    ENTRY(graphExecDestroy, "cuGraphExecDestroy", "cuGraphExecDestroy"),
};

_Static_assert(sizeof entries / sizeof *entries == sizeof(FoleyCudaDriver) / sizeof(void *),
               "every function of the table has a name");

typedef FoleyCudaResult (*GetProcAddress)(
    const char *name, void **function, int version, uint64_t flags);
typedef FoleyCudaResult (*GetProcAddress2)(
    const char *name, void **function, int version, uint64_t flags, int *status);

/// How functions are found.
typedef struct {
  void *library;
  GetProcAddress first;
  GetProcAddress2 second;
} Finder;

static void *find(const Finder *finder, const Entry *entry) {
  void *function = NULL;
  FoleyCudaResult result = -1;
  int status = 0;
  if (finder->second) {
    result = finder->second(entry->name, &function, FoleyCudaNeededVersion, 0, &status);
  } else if (finder->first) {
    result = finder->first(entry->name, &function, FoleyCudaNeededVersion, 0);
  }
  if (result == FoleyCudaSuccess && function) return function;
  return dlsym(finder->library, entry->exported);
}

static FoleyCudaLoad failure(
    FoleyCudaOutcome outcome, FoleyCudaResult code, int version, const char *cause, char *text, size_t size) {
  snprintf(text, size, "%s", cause);
  return (FoleyCudaLoad){outcome, code, version};
}

FoleyCudaLoad foley_cuda_load(const char *library, FoleyCudaDriver *driver, char *text, size_t size) {
  text[0] = 0;
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *cause = dlerror();
    if (!cause) cause = "dlopen does not say why";
    // A library that is found but needs one that is not gives the same words, after that one's name.
    size_t length = strlen(library);
    int isMissing = strncmp(cause, library, length) == 0 && strstr(cause, "No such file") != NULL;
    return failure(
        isMissing ? FoleyCudaLibraryMissing : FoleyCudaLibraryUnusable, 0, 0, cause, text, size);
  }

  // Works before everything else, and is there in every driver: so that an old one can be told by its version,
  // not by what it lacks.
  FoleyCudaResult (*getVersion)(int *);
  *(void **)&getVersion = dlsym(handle, "cuDriverGetVersion");
  if (!getVersion)
    return failure(FoleyCudaFunctionMissing, 0, 0, "cuDriverGetVersion", text, size);
  int version = 0;
  FoleyCudaResult result = getVersion(&version);
  if (result != FoleyCudaSuccess)
    return failure(FoleyCudaCallFailed, result, 0, "cuDriverGetVersion", text, size);
  if (version < FoleyCudaNeededVersion) return failure(FoleyCudaTooOld, 0, version, "", text, size);

  Finder finder = {.library = handle};
  *(void **)&finder.second = dlsym(handle, "cuGetProcAddress_v2");
  *(void **)&finder.first = dlsym(handle, "cuGetProcAddress");
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
    void *function = find(&finder, &entries[i]);
    if (!function)
      return failure(FoleyCudaFunctionMissing, 0, version, entries[i].exported, text, size);
    memcpy((char *)driver + entries[i].place, &function, sizeof function);
  }

  FoleyCudaResult (*initialise)(unsigned);
  *(void **)&initialise = dlsym(handle, "cuInit");
  if (!initialise) return failure(FoleyCudaFunctionMissing, 0, version, "cuInit", text, size);
  result = initialise(0);
  if (result != FoleyCudaSuccess)
    return failure(FoleyCudaCallFailed, result, version, "cuInit", text, size);
  return (FoleyCudaLoad){FoleyCudaLoaded, 0, version};
}
