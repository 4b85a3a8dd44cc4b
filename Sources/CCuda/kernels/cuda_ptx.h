#pragma once

// The instructions kernels are written with, as functions with names. Tests compile the same kernels for the
// host: there, every one of these is modelled in software (Tests/CUDAEmulation), memory accesses are checked,
// and each barrier, wait and guard can be weakened to prove that a test notices.

#include "../include/foley_cuda_kernels.h"

// The emulation's own functions come before this file.
#ifndef FOLEY_CUDA_EMULATION

#define INLINE __device__ __forceinline__

/// A kernel: its name, its parameters, threads of a block, and blocks that a multiprocessor should have room
/// for.
#define FOLEY_KERNEL(name, Parameters, threads, blocks) \
  extern "C" __global__ void __launch_bounds__(threads, blocks) name(const Parameters p)

// MARK: Memory

/// Every access to global memory goes through these two, an access of a vector to a whole multiple of its size.
template <class T> INLINE T load_global(const T *from) { return *from; }
template <class T> INLINE void store_global(T *to, T value) { *to = value; }
/// And every access to memory shared by a block through these.
template <class T> INLINE T load_shared(const T *from) { return *from; }
template <class T> INLINE void store_shared(T *to, T value) { *to = value; }

/// The memory shared by a block, as many bytes as the launch says.
INLINE unsigned char *dynamic_shared() {
  extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];
  return dynamic_shared_memory;
}

/// Whether an index is inside: every guard of a kernel is one of these.
template <class T> INLINE bool below(T index, T bound) { return index < bound; }

// MARK: Threads that wait for each other

INLINE void barrier() { __syncthreads(); }
INLINE void warp_barrier() { __syncwarp(); }
INLINE float shuffle_xor(float value, int mask) { return __shfl_xor_sync(0xFFFFFFFF, value, mask); }

// MARK: Copies that run on their own

INLINE unsigned shared_address(const void *shared) {
  return (unsigned)__cvta_generic_to_shared(shared);
}

/// Begins to copy 16 bytes, or zeros where `valid` is false: then nothing is read.
INLINE void copy_async(void *shared, const void *global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(shared)),
               "l"(global), "r"(valid ? 16 : 0)
               : "memory");
}
/// Closes a group of copies, perhaps an empty one.
INLINE void copy_async_commit() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }
/// Waits until all of this thread's groups but the last `pending`, a constant, have arrived.
#define copy_async_wait(pending) asm volatile("cp.async.wait_group %0;\n" ::"n"(pending) : "memory")

// MARK: Matrices of a warp

/// Four matrices of 8 rows of 16 bytes: lane l gives the address of row l % 8 of matrix l / 8, and gets of each
/// matrix the 4 bytes at row l / 4, word l % 4.
INLINE void load_matrices(unsigned (&to)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row))
               : "memory");
}
/// The same with every matrix of 8 by 8 elements of 16 bits transposed.
INLINE void load_matrices_transposed(unsigned (&to)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row))
               : "memory");
}

/// sum += a · b for a [16 x 16] and b [16 x 8] of bf16. Lane l holds, with g = l / 4 and t = l % 4: of the sum
/// rows g and g + 8, columns 2t and 2t + 1; of a the pairs (g, 2t), (g + 8, 2t), (g, 2t + 8), (g + 8, 2t + 8);
/// of b the pairs (2t, g), (2t + 8, g).
INLINE void multiply_bf16(
    float (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};\n"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
/// sum += a · b for a [16 x 8] and b [8 x 8] of tf32. Of a lane l holds (g, t), (g + 8, t), (g, t + 4), (g + 8,
/// t + 4), of b (t, g) and (t + 4, g).
INLINE void multiply_tf32(
    float (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};\n"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// MARK: Conversions

/// To ten bits of mantissa, nearest, halves away from zero. The other 13 bits may be anything.
INLINE unsigned to_tf32(float x) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;\n" : "=r"(bits) : "f"(x));
  return bits;
}
/// Nearest, halves to even; the first value in the low half.
INLINE unsigned pack_bf16(float low, float high) {
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;\n" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
INLINE float widen_f16(uint16_t bits) {
  float x;
  asm("cvt.f32.f16 %0, %1;\n" : "=f"(x) : "h"(bits));
  return x;
}
INLINE float bits_to_float(unsigned bits) { return __uint_as_float(bits); }
INLINE unsigned float_to_bits(float x) { return __float_as_uint(x); }

/// 2^x to about two units in the last place; 0 below the normal range.
INLINE float power_of_two(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
  return y;
}

#endif
