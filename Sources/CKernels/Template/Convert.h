// Stored elements to f32, and weights to eight bits.

INLINE void widen(const char *stored, const FoleyStorage storage, float factor, float *out, long count) {
  const long size = storage_size(storage);
  long i = 0;
  for (; i + LANES <= count; i += LANES)
    store(out + i, load_stored(stored + i * size, storage) * factor);
  if (i < count)
    store_part(out + i, load_stored_part(stored + i * size, storage, count - i) * factor, count - i);
}

static void widen_all(const void *stored, FoleyStorage storage, float factor, float *out, long count) {
  switch (storage) {
  case FoleyF32: memcpy(out, stored, (size_t)count * sizeof(float)); break;
  case FoleyF16: widen(stored, FoleyF16, factor, out, count); break;
  case FoleyBF16: widen(stored, FoleyBF16, factor, out, count); break;
  case FoleyI8: widen(stored, FoleyI8, factor, out, count); break;
  }
}

INLINE void round_stored(
    const char *stored, const FoleyStorage storage, long width, int8_t *out, float *scales, long row0,
    long row1) {
  const long size = storage_size(storage);
  for (long r = row0; r < row1; r++) {
    const char *from = stored + r * width * size;
    int8_t *to = out + r * width;
    const float top = largest_magnitude(from, storage, width), factor = rounding_factor(top);
    scales[r] = rounding_scale(top);
    for (long j = 0; j < width; j += LANES) {
      const long left = minimum(LANES, width - j);
      const Vector x = left == LANES ? load_stored(from + j * size, storage)
                                     : load_stored_part(from + j * size, storage, left);
      const Bytes values = __builtin_convertvector(rounded_to_integers(x * factor), Bytes);
      if (left == LANES)
        memcpy(to + j, &values, sizeof values);
      else
        memcpy(to + j, &values, (size_t)left);
    }
  }
}

static void round_weights(
    const void *stored, FoleyStorage storage, long width, int8_t *out, float *scales, long row0,
    long row1) {
  switch (storage) {
  case FoleyF32: round_stored(stored, FoleyF32, width, out, scales, row0, row1); break;
  case FoleyF16: round_stored(stored, FoleyF16, width, out, scales, row0, row1); break;
  case FoleyBF16: round_stored(stored, FoleyBF16, width, out, scales, row0, row1); break;
  case FoleyI8: round_stored(stored, FoleyI8, width, out, scales, row0, row1); break;
  }
}
