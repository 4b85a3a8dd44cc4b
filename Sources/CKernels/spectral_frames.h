// Body of the passes over bands and frames, compiled once per instruction set by spectral.c.

static void NAME(bands_sum)(const foley_bands *bands, const float *magnitudes, float *sums) {
  for (int b = 0; b < bands->bands; b++) {
    const float *const m = magnitudes + bands->first[b], *const w = bands->weights + bands->offset[b];
    const int count = bands->count[b];
    float8 wide = {0};
    int i = 0;
    for (; i + 8 <= count; i += 8) wide += NAME(load)(m + i) * NAME(load)(w + i);
    float sum = ((wide[0] + wide[4]) + (wide[1] + wide[5])) +
                ((wide[2] + wide[6]) + (wide[3] + wide[7]));
    for (; i < count; i++) sum += m[i] * w[i];
    sums[b] = sum;
  }
}

// exp by 2^x = 2^floor(x) * polynomial, relative error below 3e-7; the argument is held to +-80.
static inline float NAME(exponential)(float x) {
  x = x < -80 ? -80 : x > 80 ? 80 : x;
  const float t = x * 1.44269504f;
  const float whole = __builtin_floorf(t);
  // The remainder of x itself, in two steps, keeps the precision that t has lost.
  const float r = (x - whole * 0.693145752f) - whole * 1.42860677e-6f;
  float p = 1.f / 5040;
  p = p * r + 1.f / 720, p = p * r + 1.f / 120, p = p * r + 1.f / 24;
  p = p * r + 1.f / 6, p = p * r + 0.5f, p = p * r + 1, p = p * r + 1;
  const int32_t bits = ((int32_t)whole + 127) << 23;
  float power;
  __builtin_memcpy(&power, &bits, sizeof power);
  return p * power;
}

// Reads a curve over bands, given by its logarithms, at every bin.
static void NAME(bands_spread)(const foley_bands *bands, const float *curve, float *out) {
  for (int k = 0; k < bands->bins; k++) {
    const float low = curve[bands->left[k]], high = curve[bands->left[k] + 1];
    out[k] = low + bands->share[k] * (high - low);
  }
  for (int k = 0; k < bands->bins; k++) out[k] = NAME(exponential)(out[k]) * bands->skirt[k];
}

static void NAME(bands_envelope)(
    const foley_bands *bands, const float *log_sums, int refinements, float *envelope,
    float *scratch) {
  float *const curve = scratch, *const factor = scratch + bands->bands;
  // Means: the logarithms of the areas are folded in here.
  for (int b = 0; b < bands->bands; b++) curve[b] = log_sums[b] + bands->log_reciprocal_area[b];
  NAME(bands_spread)(bands, curve, envelope);
  for (int round = 0; round < refinements; round++) {
    NAME(bands_sum)(bands, envelope, curve);
    for (int b = 0; b < bands->bands; b++) {
      curve[b] = NAME(exponential)(log_sums[b]) / (curve[b] + 1e-20f);
    }
    for (int k = 0; k < bands->bins; k++) factor[k] = 0;
    for (int b = 0; b < bands->bands; b++) {
      const float ratio = curve[b];
      const float *const w = bands->weights + bands->offset[b];
      float *const f = factor + bands->first[b];
      for (int i = 0; i < bands->count[b]; i++) f[i] += ratio * w[i];
    }
    for (int k = 0; k < bands->bins; k++) {
      const float f = factor[k] * bands->reciprocal_cover[k];
      envelope[k] *= f > 0 ? f : 1;
    }
  }
}

static inline void NAME(lay)(
    const foley_frames *frames, const float *values, float *out) {
  for (int i = 0; i < frames->size; i++) out[i] += values[i] * frames->window[i];
}

#define FRAME_SCRATCH                                                    \
  const int bins = frames->size / 2 + 1;                                 \
  float *const re = scratch, *const im = re + frames->stride;            \
  float *const values = im + frames->stride, *const work = values + frames->size
#define CLEAR_OUT                                                        \
  __builtin_memset(                                                      \
      out, 0, ((size_t)(count - 1) * frames->hop + frames->size) * sizeof(float))

static void NAME(colour)(
    const foley_frames *frames, int count, const float *signal, const float *envelopes, float scale,
    float grain, float unit, float *targets, float *out, float *scratch) {
  FRAME_SCRATCH;
  CLEAR_OUT;
  const float per_unit = 1 / unit;
  for (int f = 0; f < count; f++) {
    NAME(forward)(frames->fft, signal + (size_t)f * frames->hop, frames->window, re, im, work);
    const float *const envelope = envelopes + (size_t)f * frames->stride;
    float *const target = targets + (size_t)f * frames->stride;
    for (int k = 0; k < bins; k++) {
      const float magnitude = __builtin_sqrtf(re[k] * re[k] + im[k] * im[k]) * scale;
      const float height = envelope[k] * per_unit;
      target[k] = height * (1 - grain + grain * magnitude);
      re[k] *= height * scale;
      im[k] *= height * scale;
    }
    NAME(inverse)(frames->fft, re, im, values, work);
    NAME(lay)(frames, values, out + (size_t)f * frames->hop);
  }
}

static void NAME(project)(
    const foley_frames *frames, int count, const float *signal, const float *targets, float momentum,
    float *previous, float *out, float *scratch) {
  FRAME_SCRATCH;
  CLEAR_OUT;
  for (int f = 0; f < count; f++) {
    NAME(forward)(frames->fft, signal + (size_t)f * frames->hop, frames->window, re, im, work);
    const float *const target = targets + (size_t)f * frames->stride;
    if (momentum > 0) {
      float *const pr = previous + (size_t)f * 2 * frames->stride, *const pi = pr + frames->stride;
      for (int k = 0; k < bins; k++) {
        const float nowr = re[k], nowi = im[k];
        re[k] -= momentum * pr[k], im[k] -= momentum * pi[k];
        pr[k] = nowr, pi[k] = nowi;
      }
    }
    for (int k = 0; k < bins; k++) {
      // The tiny addend keeps an empty bin empty.
      const float gain = target[k] / __builtin_sqrtf(re[k] * re[k] + im[k] * im[k] + 1e-24f);
      re[k] *= gain;
      im[k] *= gain;
    }
    NAME(inverse)(frames->fft, re, im, values, work);
    NAME(lay)(frames, values, out + (size_t)f * frames->hop);
  }
}

static void NAME(correct)(
    const foley_frames *frames, const foley_bands *bands, int count, const float *signal,
    const float *log_sums, float unit, float limit, float *out, float *scratch) {
  FRAME_SCRATCH;
  CLEAR_OUT;
  const float bound = __builtin_logf(limit);
  for (int f = 0; f < count; f++) {
    NAME(forward)(frames->fft, signal + (size_t)f * frames->hop, frames->window, re, im, work);
    float *const magnitude = values, *const gain = work;
    float *const curve = work + frames->stride;
    for (int k = 0; k < bins; k++) {
      magnitude[k] = __builtin_sqrtf(re[k] * re[k] + im[k] * im[k]) * unit;
    }
    NAME(bands_sum)(bands, magnitude, curve);
    const float *const asked = log_sums + (size_t)f * bands->bands;
    for (int b = 0; b < bands->bands; b++) {
      const float difference = asked[b] - __builtin_logf(curve[b] + 1e-9f);
      curve[b] = difference > bound ? bound : difference < -bound ? -bound : difference;
    }
    for (int k = 0; k < bins; k++) {
      const float low = curve[bands->left[k]], high = curve[bands->left[k] + 1];
      gain[k] = low + bands->share[k] * (high - low);
    }
    for (int k = 0; k < bins; k++) gain[k] = NAME(exponential)(gain[k]);
    for (int k = 0; k < bins; k++) re[k] *= gain[k], im[k] *= gain[k];
    NAME(inverse)(frames->fft, re, im, values, work);
    NAME(lay)(frames, values, out + (size_t)f * frames->hop);
  }
}

static void NAME(analyze)(
    const foley_frames *frames, const foley_bands *bands, int count, const float *signal, float unit,
    float floor, float *log_sums, float *scratch) {
  FRAME_SCRATCH;
  for (int f = 0; f < count; f++) {
    NAME(forward)(frames->fft, signal + (size_t)f * frames->hop, frames->window, re, im, work);
    for (int k = 0; k < bins; k++) {
      values[k] = __builtin_sqrtf(re[k] * re[k] + im[k] * im[k]) * unit;
    }
    float *const sums = log_sums + (size_t)f * bands->bands;
    NAME(bands_sum)(bands, values, sums);
    for (int b = 0; b < bands->bands; b++) {
      sums[b] = __builtin_logf(sums[b] > floor ? sums[b] : floor);
    }
  }
}
#undef FRAME_SCRATCH
#undef CLEAR_OUT
