// Real Fourier transforms and short-time passes: plans, and the choice of instruction set.

#include "FoleySpectral.h"

#include <math.h>
#include <stdlib.h>

#pragma clang diagnostic ignored "-Wpsabi"  // wide vectors pass between inlined functions alone

struct foley_fft {
  int size;
  int complex_size;
  bool plain;              // too small for the vector forms
  float *twiddles;         // per radix-4 stage: w, w^2, w^3 as six rows over p
  float *turn;             // cosines, then negative sines, of 2 pi k / size for k = 0 ... complex_size
};

typedef float float8 __attribute__((vector_size(32)));

#define NAME(name) baseline_##name
#include "spectral_fft.h"
#include "spectral_frames.h"
#undef NAME

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define NAME(name) avx2_##name
#include "spectral_fft.h"
#include "spectral_frames.h"
#undef NAME
#pragma clang attribute pop

static bool has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#define CHOOSE(call) return has_avx2() ? avx2_##call : baseline_##call
#else
#define CHOOSE(call) return baseline_##call
#endif

// MARK: Plans

foley_fft *foley_fft_make(int size) {
  const double tau = 6.283185307179586476925;
  const int n = size / 2;
  foley_fft *plan = calloc(1, sizeof *plan);
  if (!plan) return NULL;
  plan->size = size;
  plan->complex_size = n;
  plan->plain = n < 32;
  // Stages take 6n/4, 6n/4 (stored four times over), then 6n/64, 6n/256 ...: below 5n in all.
  plan->twiddles = malloc((size_t)(5 * n + 8) * sizeof(float));
  plan->turn = malloc((size_t)(2 * n + 2) * sizeof(float));
  if (!plan->twiddles || !plan->turn) {
    foley_fft_free(plan);
    return NULL;
  }
  float *w = plan->twiddles;
  for (int left = n, s = 1; left >= 4; left /= 4, s *= 4) {
    const int m = left / 4;
    const int copies = !plan->plain && s == 4 ? 4 : 1;
    for (int power = 1; power <= 3; power++) {
      for (int p = 0; p < m; p++) {
        const double angle = tau * power * p / left;
        for (int copy = 0; copy < copies; copy++) {
          w[p * copies + copy] = (float)cos(angle);
          w[(m + p) * copies + copy] = (float)-sin(angle);
        }
      }
      w += 2 * m * copies;
    }
  }
  for (int k = 0; k <= n; k++) {
    plan->turn[k] = (float)cos(tau * k / size);
    plan->turn[n + 1 + k] = (float)-sin(tau * k / size);
  }
  return plan;
}

void foley_fft_free(foley_fft *plan) {
  if (!plan) return;
  free(plan->twiddles);
  free(plan->turn);
  free(plan);
}

size_t foley_fft_scratch(const foley_fft *plan) { return (size_t)plan->complex_size * 4; }

// MARK: Dispatch

void foley_fft_forward(
    const foley_fft *plan, const float *x, float *re, float *im, float *scratch) {
  CHOOSE(forward(plan, x, NULL, re, im, scratch));
}

void foley_fft_inverse(
    const foley_fft *plan, const float *re, const float *im, float *x, float *scratch) {
  CHOOSE(inverse(plan, re, im, x, scratch));
}

void foley_bands_sum(const foley_bands *bands, const float *magnitudes, float *sums) {
  CHOOSE(bands_sum(bands, magnitudes, sums));
}

void foley_bands_envelope(
    const foley_bands *bands, const float *log_sums, int refinements, float *envelope,
    float *scratch) {
  CHOOSE(bands_envelope(bands, log_sums, refinements, envelope, scratch));
}

size_t foley_frames_scratch(const foley_frames *frames) {
  return (size_t)(2 * frames->stride + 3 * frames->size);
}

void foley_frames_colour(
    const foley_frames *frames, int count, const float *signal, const float *envelopes, float scale,
    float grain, float unit, float *targets, float *out, float *scratch) {
  CHOOSE(colour(frames, count, signal, envelopes, scale, grain, unit, targets, out, scratch));
}

void foley_frames_project(
    const foley_frames *frames, int count, const float *signal, const float *targets, float momentum,
    float *previous, float *out, float *scratch) {
  CHOOSE(project(frames, count, signal, targets, momentum, previous, out, scratch));
}

void foley_frames_correct(
    const foley_frames *frames, const foley_bands *bands, int count, const float *signal,
    const float *log_sums, float unit, float limit, float *out, float *scratch) {
  CHOOSE(correct(frames, bands, count, signal, log_sums, unit, limit, out, scratch));
}

void foley_frames_analyze(
    const foley_frames *frames, const foley_bands *bands, int count, const float *signal, float unit,
    float floor, float *log_sums, float *scratch) {
  CHOOSE(analyze(frames, bands, count, signal, unit, floor, log_sums, scratch));
}
