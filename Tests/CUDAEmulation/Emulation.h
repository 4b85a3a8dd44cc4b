#pragma once

// The other side of cuda_ptx.h: its functions for kernels compiled as C++ for the host.
//
// Every thread of a block is a fiber. A fiber runs until it needs others: all threads at a barrier, the lanes
// of its warp at an instruction that is of the whole warp. Between such points lanes run one after the other,
// in random order, so that whatever is not synchronised goes wrong in some order. Shared memory begins as NaN.
// Blocks run one at a time in random order.

#include <math.h>
#include <string.h>

#include "include/CUDAEmulation.h"

#define INLINE inline __attribute__((always_inline))
#define __device__
#define __restrict__

struct Index3 {
  unsigned x, y, z;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};

namespace emulation {

typedef void (*Body)(const void *parameters);
struct Registration {
  Registration(const char *name, Body body, size_t parameterSize);
};

/// The number of a site, the same for all copies of a template.
int site(FoleySiteKind kind, const char *file, int line);

Index3 thread_index();
Index3 block_index();
Index3 block_size();
Index3 grid_size();
unsigned char *shared_memory();

bool reach(int site);  // whether it is weakened
void barrier(int site);
void warp_barrier(int site);
void check_global(const void *address, size_t bytes, bool written);
void check_shared(const void *address, size_t bytes, bool written);
void copy_async(void *shared, const void *global, bool valid);
void copy_async_commit();
void copy_async_wait(int site, int pending);
float shuffle_xor(float value, int mask);
void load_matrices(unsigned (&to)[4], const void *row, bool transposed);
void multiply(float (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1, bool bf16);

}  // namespace emulation

#define FOLEY_SITE(kind) \
  ([]() { static const int number = emulation::site(kind, __FILE__, __LINE__); return number; }())

#define FOLEY_KERNEL(name, Parameters, threads, blocks) \
  static void name(const Parameters &p); \
  static emulation::Registration name##_registration( \
      #name, [](const void *parameters) { name(*(const Parameters *)parameters); }, sizeof(Parameters)); \
  static void name(const Parameters &p)

#define threadIdx emulation::thread_index()
#define blockIdx emulation::block_index()
#define blockDim emulation::block_size()
#define gridDim emulation::grid_size()

template <class T> INLINE T load_global(const T *from) {
  emulation::check_global(from, sizeof(T), false);
  return *from;
}
template <class T> INLINE void store_global(T *to, T value) {
  emulation::check_global(to, sizeof(T), true);
  *to = value;
}
template <class T> INLINE T load_shared(const T *from) {
  emulation::check_shared(from, sizeof(T), false);
  return *from;
}
template <class T> INLINE void store_shared(T *to, T value) {
  emulation::check_shared(to, sizeof(T), true);
  *to = value;
}
INLINE unsigned char *dynamic_shared() { return emulation::shared_memory(); }

template <class T> INLINE bool below_or_weakened(int site, T index, T bound) {
  return emulation::reach(site) ? index <= bound : index < bound;
}
#define below(index, bound) below_or_weakened(FOLEY_SITE(FoleySiteGuard), index, bound)
#define barrier() emulation::barrier(FOLEY_SITE(FoleySiteBarrier))
#define warp_barrier() emulation::warp_barrier(FOLEY_SITE(FoleySiteWarpBarrier))

INLINE float shuffle_xor(float value, int mask) { return emulation::shuffle_xor(value, mask); }
INLINE void copy_async(void *shared, const void *global, bool valid) {
  emulation::copy_async(shared, global, valid);
}
INLINE void copy_async_commit() { emulation::copy_async_commit(); }
#define copy_async_wait(pending) emulation::copy_async_wait(FOLEY_SITE(FoleySiteWait), pending)

INLINE void load_matrices(unsigned (&to)[4], const void *row) {
  emulation::load_matrices(to, row, false);
}
INLINE void load_matrices_transposed(unsigned (&to)[4], const void *row) {
  emulation::load_matrices(to, row, true);
}
INLINE void multiply_bf16(float (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  emulation::multiply(sum, a, b0, b1, true);
}
INLINE void multiply_tf32(float (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  emulation::multiply(sum, a, b0, b1, false);
}

INLINE float bits_to_float(unsigned bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
INLINE unsigned float_to_bits(float x) {
  unsigned bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
INLINE unsigned to_tf32(float x) {
  const unsigned bits = float_to_bits(x);
  // Bits that do not count stay as they come.
  return (bits & 0x7F800000) == 0x7F800000 ? bits : bits + 0x1000;
}
INLINE unsigned bf16_bits(float x) {
  const unsigned bits = float_to_bits(x);
  if (x != x) return 0x7FFF;
  return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}
INLINE unsigned pack_bf16(float low, float high) { return bf16_bits(high) << 16 | bf16_bits(low); }
INLINE float widen_f16(uint16_t bits) {
  _Float16 x;
  memcpy(&x, &bits, sizeof x);
  return (float)x;
}
INLINE float power_of_two(float x) {
  const float y = exp2f(x);
  return y < 1.17549435e-38f ? 0 : y;
}
