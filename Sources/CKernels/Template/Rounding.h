#pragma once

// Numbers rounded to eight bits, symmetrically: the largest magnitude of a row becomes 127, and the row's scale
// takes it back. What is rounded is a single product, so every level finds the same integers.

/// Below this a row counts as zeros: its factor would not be finite.
#define LEAST_ROUNDED 0x1p-100f

/// By what the values of a row are multiplied before they are rounded, from its largest magnitude.
INLINE float rounding_factor(float top) { return top < LEAST_ROUNDED ? 0.0f : 127.0f / top; }

/// What the integers of the row are multiplied with afterwards; NaN where the row holds one.
INLINE float rounding_scale(float top) { return top < LEAST_ROUNDED ? 0.0f : top / 127.0f; }

/// To the nearest, ties to even; lanes that are no numbers give any integer.
INLINE Integers rounded_to_integers(Vector x) {
#if LANES == 16
  return (Integers)_mm512_cvtps_epi32((__m512)x);
#elif LANES == 8
  return (Integers)_mm256_cvtps_epi32((__m256)x);
#elif defined(__SSE2__)
  return (Integers)_mm_cvtps_epi32((__m128)x);
#else
  return __builtin_convertvector(__builtin_elementwise_roundeven(x), Integers);
#endif
}

/// The larger lanes; NaN where either is.
INLINE Vector larger_or_nan(Vector a, Vector b) { return choose((a < b) | (b != b), b, a); }

/// The largest magnitude of `count` stored elements; NaN where one is.
INLINE float largest_magnitude(const char *stored, const FoleyStorage storage, long count) {
  Vector most = {0};
  long j = 0;
  for (; j + LANES <= count; j += LANES)
    most = larger_or_nan(most, magnitude(load_stored(stored + j * storage_size(storage), storage)));
  if (j < count)
    most = larger_or_nan(
        most, magnitude(load_stored_part(stored + j * storage_size(storage), storage, count - j)));
  float lanes[LANES];
  store(lanes, most);
  float result = lanes[0];
  for (int i = 1; i < LANES; i++)
    if (result < lanes[i] || lanes[i] != lanes[i]) result = lanes[i];
  return result;
}
