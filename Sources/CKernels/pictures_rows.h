// Body of the resampling of pictures, compiled once per instruction set by pictures.c.

static inline __attribute__((always_inline)) Sixteen NAME(widened)(const uint8_t *p) {
  SixteenBytes bytes;
  memcpy(&bytes, p, sizeof bytes);
  return __builtin_convertvector(bytes, Sixteen);
}

/// Sums to bytes: the fraction, whose half was added before, goes, and the rest is clamped.
static inline __attribute__((always_inline)) SixteenBytes NAME(narrowed)(Sixteen v, int bits) {
  v = v >> bits;
  v = v & ~(v >> 31);
  const Sixteen above = v > 255;
  return __builtin_convertvector((v & ~above) | (above & 255), SixteenBytes);
}

static inline uint8_t NAME(narrowed_one)(int32_t v, int bits) {
  v >>= bits;
  return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void NAME(across)(const FoleyTaps *taps, const uint8_t *row, uint8_t *out, int32_t *sums) {
  const int32_t half = 1 << (taps->bits - 1);
  const long values = 3 * taps->outputs;
  // Four pixels at a time: lanes are r g b, r g b, r g b, r g b, and four that are not used.
  for (long i = 0; i < taps->outputs; i++) {
    const uint8_t *from = row + 3 * (long)taps->first[i];
    const int32_t *weights = taps->weights + i * taps->taps;
    Sixteen total = {0};
    for (long k = 0; k < taps->taps; k += 4) {
      Quad w;
      memcpy(&w, weights + k, sizeof w);
      total += NAME(widened)(from + 3 * k)
          * __builtin_shufflevector(w, w, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3);
    }
    const Eight two = __builtin_shufflevector(total, total, 0, 1, 2, 3, 4, 5, 0, 0)
        + __builtin_shufflevector(total, total, 6, 7, 8, 9, 10, 11, 6, 6);
    const Quad one = __builtin_shufflevector(two, two, 0, 1, 2, 0)
        + __builtin_shufflevector(two, two, 3, 4, 5, 3) + half;
    // The fourth value makes way for the next pixel.
    memcpy(sums + 3 * i, &one, sizeof one);
  }
  long j = 0;
  for (; j + 16 <= values; j += 16) {
    Sixteen v;
    memcpy(&v, sums + j, sizeof v);
    const SixteenBytes bytes = NAME(narrowed)(v, taps->bits);
    memcpy(out + j, &bytes, sizeof bytes);
  }
  for (; j < values; j++) out[j] = NAME(narrowed_one)(sums[j], taps->bits);
}

static void NAME(down)(
    const uint8_t *const *rows, const int32_t *weights, long count, int bits, long width,
    uint8_t *out) {
  const int32_t half = 1 << (bits - 1);
  long j = 0;
  for (; j + 32 <= width; j += 32) {
    Sixteen a = half - (Sixteen){0}, b = a;
    for (long k = 0; k < count; k++) {
      a += NAME(widened)(rows[k] + j) * weights[k];
      b += NAME(widened)(rows[k] + j + 16) * weights[k];
    }
    const SixteenBytes low = NAME(narrowed)(a, bits), high = NAME(narrowed)(b, bits);
    memcpy(out + j, &low, sizeof low);
    memcpy(out + j + 16, &high, sizeof high);
  }
  for (; j < width; j++) {
    int32_t sum = half;
    for (long k = 0; k < count; k++) sum += rows[k][j] * weights[k];
    out[j] = NAME(narrowed_one)(sum, bits);
  }
}

static const FoleyPictureKernels NAME(kernels) = {.across = NAME(across), .down = NAME(down)};
