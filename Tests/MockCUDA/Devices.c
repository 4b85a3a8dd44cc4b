#include "Mock.h"

#include <stdio.h>
#include <string.h>

// The driver itself, devices, contexts, names of errors.

static _Thread_local int current = -1;
static int held[MAXIMUM_DEVICES];

int current_device(const char *function) {
  if (current >= 0 && held[current] > 0) return current;
  violation("%s without a context", function);
  return -1;
}

int contexts_held(void) {
  int count = 0;
  for (int i = 0; i < MAXIMUM_DEVICES; i++) count += held[i];
  return count;
}

void forget_contexts(void) { memset(held, 0, sizeof held); }

// A context's handle is the address of its count.
static int device_of(const void *context) {
  for (int i = 0; i < MAXIMUM_DEVICES; i++)
    if (context == &held[i]) return i;
  return -1;
}

EXPORT Result cuDriverGetVersion(int *version) {
  ENTER("cuDriverGetVersion");
  *version = configuration.version;
  return end(SUCCESS);
}

EXPORT Result cuInit(unsigned flags) {
  ENTER("cuInit");
  if (flags != 0) return end(wrong(INVALID_VALUE, "cuInit with flags"));
  if (configuration.devices == 0) return end(NO_DEVICE);
  isInitialised = true;
  return end(SUCCESS);
}

static Result check_device(int device, const char *function) {
  if (!isInitialised) return wrong(NOT_INITIALIZED, "%s before cuInit", function);
  if (device < 0 || device >= configuration.devices) return wrong(INVALID_DEVICE, "%s of device %d", function, device);
  return SUCCESS;
}

EXPORT Result cuDeviceGetCount(int *count) {
  ENTER("cuDeviceGetCount");
  if (!isInitialised) return end(wrong(NOT_INITIALIZED, "cuDeviceGetCount before cuInit"));
  *count = configuration.devices;
  return end(SUCCESS);
}

EXPORT Result cuDeviceGet(int *device, int number) {
  ENTER("cuDeviceGet");
  Result result = check_device(number, "cuDeviceGet");
  if (result == SUCCESS) *device = number;
  return end(result);
}

EXPORT Result cuDeviceGetName(char *name, int size, int device) {
  ENTER("cuDeviceGetName");
  Result result = check_device(device, "cuDeviceGetName");
  if (result == SUCCESS) snprintf(name, (size_t)size, "%s", configuration.device[device].name);
  return end(result);
}

EXPORT Result cuDeviceGetUuid_v2(uint8_t *bytes, int device) {
  ENTER("cuDeviceGetUuid");
  Result result = check_device(device, "cuDeviceGetUuid");
  for (int i = 0; result == SUCCESS && i < 16; i++) bytes[i] = (uint8_t)(16 * device + i);
  return end(result);
}

EXPORT Result cuDeviceGetPCIBusId(char *text, int size, int device) {
  ENTER("cuDeviceGetPCIBusId");
  Result result = check_device(device, "cuDeviceGetPCIBusId");
  if (result == SUCCESS) snprintf(text, (size_t)size, "0000:%02X:00.0", 7 + device);
  return end(result);
}

EXPORT Result cuDeviceTotalMem_v2(size_t *bytes, int device) {
  ENTER("cuDeviceTotalMem");
  Result result = check_device(device, "cuDeviceTotalMem");
  if (result == SUCCESS) *bytes = configuration.device[device].total;
  return end(result);
}

// What a block may have, as NVIDIA's guide gives it for each architecture.
int shared_limit(const Device *device) {
  switch (10 * device->major + device->minor) {
    case 70: return 96 << 10;
    case 75: return 64 << 10;
    case 80: case 87: return 163 << 10;
    case 86: case 89: case 120: return 99 << 10;
    case 90: case 100: case 103: return 227 << 10;
    default: return 48 << 10;
  }
}

EXPORT Result cuDeviceGetAttribute(int *value, int attribute, int device) {
  ENTER("cuDeviceGetAttribute");
  Result result = check_device(device, "cuDeviceGetAttribute");
  if (result != SUCCESS) return end(result);
  const Device *of = &configuration.device[device];
  switch (attribute) {
    case 1: *value = 1024; break;
    case 5: *value = 2147483647; break;
    case 6: case 7: *value = 65535; break;
    case 16: *value = 108; break;
    case 18: *value = of->isIntegrated; break;
    case 75: *value = of->major; break;
    case 76: *value = of->minor; break;
    case 97: *value = shared_limit(of); break;
    default: return end(wrong(INVALID_VALUE, "cuDeviceGetAttribute of the unknown attribute %d", attribute));
  }
  return end(SUCCESS);
}

EXPORT Result cuDevicePrimaryCtxRetain(void **context, int device) {
  ENTER("cuDevicePrimaryCtxRetain");
  Result result = check_device(device, "cuDevicePrimaryCtxRetain");
  if (result != SUCCESS) return end(result);
  held[device]++;
  *context = &held[device];
  return end(SUCCESS);
}

EXPORT Result cuDevicePrimaryCtxRelease_v2(int device) {
  ENTER_RELEASE("cuDevicePrimaryCtxRelease");
  Result result = check_device(device, "cuDevicePrimaryCtxRelease");
  if (result == SUCCESS && held[device] == 0)
    result = wrong(INVALID_CONTEXT, "cuDevicePrimaryCtxRelease once too often");
  if (result == SUCCESS && --held[device] == 0) {
    int blocks = 0, pinned = 0, objects = 0;
    count_memory(device, &blocks, &pinned);
    for (int kind = STREAM; kind < KINDS; kind++)
      if (kind != FUNCTION) objects += count_alive(kind, device);
    if (blocks + pinned + objects > 0)
      violation("the context of device %d was released with %d blocks, %d pinned blocks and %d objects alive", device,
                blocks, pinned, objects);
    drain_device(device);
    kill_objects(device);
    free_memory_of(device);
  }
  LEAVE_RELEASE(result);
}

EXPORT Result cuCtxSetCurrent(void *context) {
  ENTER("cuCtxSetCurrent");
  int device = device_of(context);
  if (context && (device < 0 || held[device] == 0))
    return end(wrong(INVALID_CONTEXT, "cuCtxSetCurrent with a context that is not held"));
  current = device;
  return end(SUCCESS);
}

EXPORT Result cuCtxSynchronize(void) {
  ENTER_RELEASE("cuCtxSynchronize");
  int device = current_device("cuCtxSynchronize");
  if (device < 0) LEAVE_RELEASE(INVALID_CONTEXT);
  if (breaks_capture(device, true, "cuCtxSynchronize")) LEAVE_RELEASE(CAPTURE_UNSUPPORTED);
  drain_device(device);
  LEAVE_RELEASE(SUCCESS);
}

// MARK: Errors

static const struct {
  Result code;
  const char *name, *text;
} errors[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {34, "CUDA_ERROR_STUB_LIBRARY", "CUDA driver is a stub library"},
    {46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {401, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {802, "CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

// Not counted among the calls: what tells of failures does not fail.
static Result word(Result code, const char **text, bool isName) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    if (errors[i].code == code) {
      *text = isName ? errors[i].name : errors[i].text;
      return SUCCESS;
    }
  *text = NULL;
  return INVALID_VALUE;
}

EXPORT Result cuGetErrorName(Result code, const char **text) { return word(code, text, true); }
EXPORT Result cuGetErrorString(Result code, const char **text) { return word(code, text, false); }

// MARK: Lookup

static Result look_up(const char *name, void **function, int version) {
  *function = NULL;
  if (!configuration.finds) return NOT_FOUND;
  if (version > configuration.version) return INVALID_VALUE;
  *function = exported(name);
  return *function ? SUCCESS : NOT_FOUND;
}

EXPORT Result cuGetProcAddress(const char *name, void **function, int version, uint64_t flags) {
  (void)flags;
  return look_up(name, function, version);
}

EXPORT Result cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags, int *status) {
  (void)flags;
  Result result = look_up(name, function, version);
  if (status) *status = result == SUCCESS ? 0 : 1;
  return result;
}
