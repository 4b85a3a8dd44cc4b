#pragma once

// A vector of LANES floats, and what the compiler does not offer as an operator.

typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef int32_t Integers __attribute__((vector_size(4 * LANES)));
typedef float LooseVector __attribute__((vector_size(4 * LANES), aligned(1), may_alias));
typedef int32_t LooseIntegers __attribute__((vector_size(4 * LANES), aligned(1), may_alias));

#define INLINE static inline __attribute__((always_inline))

// Columns of a product that are computed together: two vectors.
#define PANEL (2 * LANES)

// Products followed by sums become fused where the instruction set has that.
#pragma clang fp contract(fast)

INLINE long minimum(long a, long b) { return a < b ? a : b; }
INLINE long maximum(long a, long b) { return a > b ? a : b; }

INLINE Vector load(const float *p) { return *(const LooseVector *)p; }
INLINE void store(float *p, Vector v) { *(LooseVector *)p = v; }
INLINE Integers load_integers(const int32_t *p) { return *(const LooseIntegers *)p; }
INLINE Vector splat(float x) { return x - (Vector){0}; }
INLINE Integers splat_integer(int32_t x) { return x - (Integers){0}; }

/// The first `count` < LANES floats, then zeros.
INLINE Vector load_part(const float *p, long count) {
#if LANES == 16
  return (Vector)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#else
  float lanes[LANES] = {0};
  memcpy(lanes, p, (size_t)count * sizeof(float));
  return load(lanes);
#endif
}

INLINE void store_part(float *p, Vector v, long count) {
#if LANES == 16
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
#else
  float lanes[LANES];
  store(lanes, v);
  memcpy(p, lanes, (size_t)count * sizeof(float));
#endif
}

/// `count` may be anything from 1 up: min(count, LANES) floats.
INLINE Vector load_upto(const float *p, long count) {
  return count >= LANES ? load(p) : load_part(p, count);
}
INLINE void store_upto(float *p, Vector v, long count) {
  if (count >= LANES) store(p, v); else store_part(p, v, count);
}

/// Per lane: mask ? a : b, for masks of comparisons.
INLINE Vector choose(Integers mask, Vector a, Vector b) {
  return (Vector)((mask & (Integers)a) | (~mask & (Integers)b));
}

typedef float Four __attribute__((vector_size(16)));

INLINE float sum(Vector v) {
#if LANES == 16
  typedef float Eight __attribute__((vector_size(32)));
  Eight e = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
      + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  Four f = __builtin_shufflevector(e, e, 0, 1, 2, 3) + __builtin_shufflevector(e, e, 4, 5, 6, 7);
#elif LANES == 8
  Four f = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
  Four f = v;
#endif
  return (f[0] + f[1]) + (f[2] + f[3]);
}

/// A mask of the first `count` lanes.
INLINE Integers lanes_below(long count) {
#if LANES == 16
  const Integers lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif LANES == 8
  const Integers lane = {0, 1, 2, 3, 4, 5, 6, 7};
#else
  const Integers lane = {0, 1, 2, 3};
#endif
  return lane < (int32_t)minimum(count, LANES);
}

/// Tells the compiler that a vector may have changed, and costs nothing: loops that only measure need it.
#if LANES == 16
#define TOUCH(v) __asm__ volatile("" : "+v"(v))
#elif defined(__x86_64__)
#define TOUCH(v) __asm__ volatile("" : "+x"(v))
#else
#define TOUCH(v) __asm__ volatile("" : "+w"(v))
#endif

/// The larger lanes; the second one's where either is NaN.
INLINE Vector larger(Vector a, Vector b) {
#if LANES == 16
  return (Vector)_mm512_max_ps((__m512)a, (__m512)b);
#elif LANES == 8
  return (Vector)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return choose(a > b, a, b);
#endif
}

INLINE float largest(Vector v) {
  float lanes[LANES];
  store(lanes, v);
#pragma clang loop unroll(full)
  for (int half = LANES / 2; half > 0; half /= 2)
#pragma clang loop unroll(full)
    for (int i = 0; i < half; i++)
      lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
  return lanes[0];
}

#if LANES == 4
#define LOW_HALVES 0, 4, 1, 5
#define HIGH_HALVES 2, 6, 3, 7
#define SWAPPED_PAIRS 1, 0, 3, 2
#define DOUBLED 0, 0, 1, 1
#elif LANES == 8
#define LOW_HALVES 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_HALVES 4, 12, 5, 13, 6, 14, 7, 15
#define SWAPPED_PAIRS 1, 0, 3, 2, 5, 4, 7, 6
#define DOUBLED 0, 0, 1, 1, 2, 2, 3, 3
#elif LANES == 16
#define LOW_HALVES 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_HALVES 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define SWAPPED_PAIRS 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14
#define DOUBLED 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7
#endif

/// Lane j of vector i becomes lane i of vector j: log2(LANES) perfect shuffles of the whole square.
INLINE void transpose_square(Vector v[LANES]) {
  Vector other[LANES];
#pragma clang loop unroll(full)
  for (int round = 1; round < LANES; round *= 2) {
#pragma clang loop unroll(full)
    for (int i = 0; i < LANES / 2; i++) {
      other[2 * i] = __builtin_shufflevector(v[i], v[i + LANES / 2], LOW_HALVES);
      other[2 * i + 1] = __builtin_shufflevector(v[i], v[i + LANES / 2], HIGH_HALVES);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < LANES; i++) v[i] = other[i];
  }
}
