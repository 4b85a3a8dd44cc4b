#pragma once

// Reading weights in the type they are stored in. Addresses may have any alignment: a mapped file promises
// none.

typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * LANES)));
typedef int8_t Bytes __attribute__((vector_size(LANES)));

INLINE long storage_size(FoleyStorage storage) {
  return storage == FoleyF32 ? 4 : storage == FoleyI8 ? 1 : 2;
}

INLINE Vector widened_half(Halves h) {
#if LANES == 16
  return (Vector)_mm512_cvtph_ps((__m256i)h);
#elif LANES == 8
  return (Vector)_mm256_cvtph_ps((__m128i)h);
#else
  Words bits = __builtin_convertvector(h, Words);
  // The exponent's bias differs by 112; a product also makes denormals right. All ones stays all ones.
  Vector value = (Vector)((bits & 0x7FFF) << 13) * 0x1p112f;
  Words special = (Words)((bits & 0x7C00) == 0x7C00) & 0x7F800000;
  return (Vector)((Words)value | special | (bits & 0x8000) << 16);
#endif
}

/// LANES elements from `p`.
INLINE Vector load_stored(const void *p, const FoleyStorage storage) {
  switch (storage) {
  case FoleyF32: return load((const float *)p);
  case FoleyF16: {
    Halves h;
    memcpy(&h, p, sizeof h);
    return widened_half(h);
  }
  case FoleyBF16: {
    Halves h;
    memcpy(&h, p, sizeof h);
    return (Vector)(__builtin_convertvector(h, Words) << 16);
  }
  case FoleyI8: {
    Bytes b;
    memcpy(&b, p, sizeof b);
    return __builtin_convertvector(b, Vector);
  }
  }
  return (Vector){0};
}

/// The first `count` < LANES elements, then zeros.
INLINE Vector load_stored_part(const void *p, const FoleyStorage storage, long count) {
  char lanes[4 * LANES] = {0};
  memcpy(lanes, p, (size_t)(count * storage_size(storage)));
  return load_stored(lanes, storage);
}
