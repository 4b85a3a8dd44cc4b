#pragma once

// The CUDA driver, found when the program runs. Nothing of CUDA is linked: the same binary runs where there is
// none, and says why. Declared here is what this program uses, as the driver for CUDA 11.8 has it; the numbers
// and the order of arguments are the driver's binary interface, which later drivers keep.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// 0 is success; everything else has a name (`getErrorName`).
typedef int FoleyCudaResult;
/// The number of a GPU, from 0.
typedef int FoleyCudaOrdinal;
/// An address in a GPU's memory; not to be followed here.
typedef uint64_t FoleyCudaAddress;
typedef struct FoleyCudaContext_ *FoleyCudaContext;
typedef struct FoleyCudaStream_ *FoleyCudaStream;
typedef struct FoleyCudaEvent_ *FoleyCudaEvent;
typedef struct FoleyCudaModule_ *FoleyCudaModule;
typedef struct FoleyCudaFunction_ *FoleyCudaFunction;
typedef struct FoleyCudaGraph_ *FoleyCudaGraph;
typedef struct FoleyCudaGraphExec_ *FoleyCudaGraphExec;

/// The results this program tells apart.
enum {
  FoleyCudaSuccess = 0,
  FoleyCudaInvalidValue = 1,
  FoleyCudaOutOfMemory = 2,
  FoleyCudaStubLibrary = 34,
  FoleyCudaDeviceUnavailable = 46,
  FoleyCudaNoDevice = 100,
  FoleyCudaInvalidImage = 200,
  FoleyCudaNoBinaryForGPU = 209,
  FoleyCudaInvalidPTX = 218,
  FoleyCudaUnsupportedPTXVersion = 222,
  FoleyCudaNotFound = 500,
  FoleyCudaNotReady = 600,
  FoleyCudaSystemNotReady = 802,
  FoleyCudaSystemDriverMismatch = 803,
};

/// Properties of a GPU.
enum {
  FoleyCudaMaximumBlockThreads = 1,
  FoleyCudaMaximumGridX = 5,
  FoleyCudaMaximumGridY = 6,
  FoleyCudaMaximumGridZ = 7,
  FoleyCudaMultiprocessors = 16,
  FoleyCudaIsIntegrated = 18,
  FoleyCudaCapabilityMajor = 75,
  FoleyCudaCapabilityMinor = 76,
  FoleyCudaMaximumSharedBytes = 97,
};

/// Properties of a kernel.
enum {
  FoleyCudaFunctionBlockThreads = 0,
  FoleyCudaFunctionStaticSharedBytes = 1,
  FoleyCudaFunctionDynamicSharedBytes = 8,
};

/// Options of `moduleLoadDataEx`.
enum { FoleyCudaErrorLog = 5, FoleyCudaErrorLogBytes = 6 };

/// Keys of `launchKernel`'s last argument: the arguments of the kernel as one block of bytes.
#define FOLEY_CUDA_ARGUMENTS_END ((void *)0)
#define FOLEY_CUDA_ARGUMENTS ((void *)1)
#define FOLEY_CUDA_ARGUMENTS_BYTES ((void *)2)

enum {
  /// A stream that does not wait for the legacy stream.
  FoleyCudaStreamNonBlocking = 1,
  FoleyCudaEventWithoutTime = 2,
  /// Host memory that is pinned in every context.
  FoleyCudaHostPortable = 1,
  /// A capture during which memory may be allocated.
  FoleyCudaCaptureRelaxed = 2,
};

/// The driver's functions: `memAlloc` is cuMemAlloc, and so on. All are there once `foley_cuda_load` succeeds.
typedef struct {
  FoleyCudaResult (*getErrorName)(FoleyCudaResult, const char **name);
  FoleyCudaResult (*getErrorString)(FoleyCudaResult, const char **text);

  FoleyCudaResult (*deviceGetCount)(int *count);
  FoleyCudaResult (*deviceGet)(FoleyCudaOrdinal *device, int number);
  FoleyCudaResult (*deviceGetName)(char *name, int size, FoleyCudaOrdinal);
  FoleyCudaResult (*deviceGetUuid)(uint8_t *sixteenBytes, FoleyCudaOrdinal);
  FoleyCudaResult (*deviceGetPCIBusId)(char *text, int size, FoleyCudaOrdinal);
  FoleyCudaResult (*deviceTotalMem)(size_t *bytes, FoleyCudaOrdinal);
  FoleyCudaResult (*deviceGetAttribute)(int *value, int attribute, FoleyCudaOrdinal);
  FoleyCudaResult (*devicePrimaryCtxRetain)(FoleyCudaContext *, FoleyCudaOrdinal);
  FoleyCudaResult (*devicePrimaryCtxRelease)(FoleyCudaOrdinal);

  FoleyCudaResult (*ctxSetCurrent)(FoleyCudaContext);
  FoleyCudaResult (*ctxSynchronize)(void);

  FoleyCudaResult (*memGetInfo)(size_t *free, size_t *total);
  FoleyCudaResult (*memAlloc)(FoleyCudaAddress *, size_t bytes);
  FoleyCudaResult (*memFree)(FoleyCudaAddress);
  FoleyCudaResult (*memHostAlloc)(void **, size_t bytes, unsigned flags);
  FoleyCudaResult (*memFreeHost)(void *);
  FoleyCudaResult (*memcpyHtoDAsync)(FoleyCudaAddress to, const void *from, size_t, FoleyCudaStream);
  FoleyCudaResult (*memcpyDtoHAsync)(void *to, FoleyCudaAddress from, size_t, FoleyCudaStream);
  FoleyCudaResult (*memcpyDtoDAsync)(FoleyCudaAddress to, FoleyCudaAddress from, size_t, FoleyCudaStream);
  FoleyCudaResult (*memsetD8Async)(FoleyCudaAddress, unsigned char, size_t bytes, FoleyCudaStream);
  FoleyCudaResult (*memsetD32Async)(FoleyCudaAddress, unsigned, size_t words, FoleyCudaStream);

  FoleyCudaResult (*streamCreate)(FoleyCudaStream *, unsigned flags);
  FoleyCudaResult (*streamDestroy)(FoleyCudaStream);
  FoleyCudaResult (*streamSynchronize)(FoleyCudaStream);
  FoleyCudaResult (*streamWaitEvent)(FoleyCudaStream, FoleyCudaEvent, unsigned flags);
  FoleyCudaResult (*eventCreate)(FoleyCudaEvent *, unsigned flags);
  FoleyCudaResult (*eventDestroy)(FoleyCudaEvent);
  FoleyCudaResult (*eventRecord)(FoleyCudaEvent, FoleyCudaStream);
  FoleyCudaResult (*eventQuery)(FoleyCudaEvent);
  FoleyCudaResult (*eventSynchronize)(FoleyCudaEvent);
  FoleyCudaResult (*eventElapsedTime)(float *milliseconds, FoleyCudaEvent from, FoleyCudaEvent to);

  FoleyCudaResult (*moduleLoadDataEx)(
      FoleyCudaModule *, const void *image, unsigned options, int *keys, void **values);
  FoleyCudaResult (*moduleUnload)(FoleyCudaModule);
  FoleyCudaResult (*moduleGetFunction)(FoleyCudaFunction *, FoleyCudaModule, const char *name);
  FoleyCudaResult (*funcGetAttribute)(int *value, int attribute, FoleyCudaFunction);
  FoleyCudaResult (*funcSetAttribute)(FoleyCudaFunction, int attribute, int value);
  FoleyCudaResult (*launchKernel)(
      FoleyCudaFunction, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
      unsigned blockZ, unsigned sharedBytes, FoleyCudaStream, void **arguments, void **extra);

  FoleyCudaResult (*streamBeginCapture)(FoleyCudaStream, int mode);
  FoleyCudaResult (*streamEndCapture)(FoleyCudaStream, FoleyCudaGraph *);
  FoleyCudaResult (*graphInstantiate)(FoleyCudaGraphExec *, FoleyCudaGraph, unsigned long long flags);
  FoleyCudaResult (*graphDestroy)(FoleyCudaGraph);
  FoleyCudaResult (*graphLaunch)(FoleyCudaGraphExec, FoleyCudaStream);
  FoleyCudaResult (*graphExecDestroy)(FoleyCudaGraphExec);
} FoleyCudaDriver;

/// The least version of CUDA a driver has to be made for: device code is compiled by this one.
enum { FoleyCudaNeededVersion = 11080 };

typedef enum {
  FoleyCudaLoaded,
  /// There is no such library.
  FoleyCudaLibraryMissing,
  /// There is one, but it cannot be loaded; `text` says why.
  FoleyCudaLibraryUnusable,
  FoleyCudaTooOld,
  /// The function named by `text` is not there.
  FoleyCudaFunctionMissing,
  /// `text` is the function that failed, with `code`.
  FoleyCudaCallFailed,
} FoleyCudaOutcome;

typedef struct {
  FoleyCudaOutcome outcome;
  FoleyCudaResult code;
  /// Of CUDA, that the driver is made for: 1000 * major + 10 * minor; 0 where it is not known.
  int version;
} FoleyCudaLoad;

/// Loads the driver, fills its table, and makes it ready (cuInit).
///
/// A driver that was loaded stays so until the process ends: it has threads and exit handlers of its own, which
/// `dlclose` would pull the ground from under.
///
/// - `text`: gets what the outcome says, ended by 0 and cut to `size`; size at least 1.
FoleyCudaLoad foley_cuda_load(const char *library, FoleyCudaDriver *driver, char *text, size_t size);

#ifdef __cplusplus
}
#endif
