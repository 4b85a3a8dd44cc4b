// Fourier transforms and the passes over short-time spectra that are built on them.
//
// Everything here is immutable after its making or works on the caller's memory alone, so any number
// of threads may share a plan. Results do not depend on who computes them: one frame is one sequence
// of operations.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

// MARK: Real Fourier transform

typedef struct foley_fft foley_fft;

// A plan for real transforms of `size` values, a power of two from 4 to 8192; NULL when memory is short.
foley_fft *foley_fft_make(int size);
void foley_fft_free(foley_fft *plan);

// Floats of scratch that either direction needs.
size_t foley_fft_scratch(const foley_fft *plan);

// X[k] = sum over n of x[n] exp(-2 pi i k n / size), k = 0 ... size/2, in split form.
void foley_fft_forward(
    const foley_fft *plan, const float *x, float *re, float *im, float *scratch);
// The exact inverse (divided by size). The imaginary parts at 0 and size/2 are taken as 0.
void foley_fft_inverse(
    const foley_fft *plan, const float *re, const float *im, float *x, float *scratch);

// MARK: Triangular bands

// A sparse matrix of bands over bins, and how a curve over bands is read at each bin.
typedef struct {
  int bins;
  int bands;
  const int32_t *first;       // [bands] first bin of each band
  const int32_t *count;       // [bands] bins of each band
  const int32_t *offset;      // [bands] where the band's weights begin
  const float *weights;
  const float *log_reciprocal_area;  // [bands] log(1 / sum of the band's weights)
  const int32_t *left;        // [bins] the curve at bin k is (1 - share) c[left] + share c[left + 1]
  const float *share;         // [bins]
  const float *skirt;         // [bins] factor on the result: 1 inside the bands, fading outside
  const float *reciprocal_cover;  // [bins] 1 / sum over bands of weight, 0 where no band reaches
} foley_bands;

// sums[b] = sum over bins of weight * magnitude.
void foley_bands_sum(const foley_bands *bands, const float *magnitudes, float *sums);

// A smooth curve of magnitudes over bins whose band sums come near `sums`: band means, joined by
// straight lines in the logarithm, then `refinements` multiplicative corrections. Scratch: bands + bins.
void foley_bands_envelope(
    const foley_bands *bands, const float *log_sums, int refinements, float *envelope,
    float *scratch);

// MARK: Short-time passes

typedef struct {
  const foley_fft *fft;
  const float *window;  // [size], for both analysis and synthesis
  int size;
  int hop;
  int stride;  // floats between rows of magnitudes, >= size/2 + 1
} foley_frames;

// Floats of scratch that each pass below needs.
size_t foley_frames_scratch(const foley_frames *frames);

// Each pass reads `count` windowed frames, frame i beginning at signal[i * hop], changes their spectra,
// and lays the windowed results over one another into `out`, (count - 1) * hop + size values that it
// clears first. Dividing by the overlapped squares of the window is left to the caller.

// Gives noise a colour: spectra are multiplied by scale * envelope / unit. Leaves in targets the
// magnitude later passes should keep: envelope / unit * (1 - grain + grain * |spectrum| * scale).
void foley_frames_colour(
    const foley_frames *frames, int count, const float *signal, const float *envelopes, float scale,
    float grain, float unit, float *targets, float *out, float *scratch);

// Gives spectra the target magnitudes and keeps their phases: one Griffin-Lim projection. With
// momentum > 0, phases are those of spectrum - momentum * previous spectrum; `previous` holds
// count * 2 * stride values of state and is replaced.
void foley_frames_project(
    const foley_frames *frames, int count, const float *signal, const float *targets, float momentum,
    float *previous, float *out, float *scratch);

// Multiplies spectra by a curve that brings their band sums nearer to the asked ones; gains are held
// within 1/limit ... limit. `unit` turns a spectrum into magnitudes as the sums count them.
void foley_frames_correct(
    const foley_frames *frames, const foley_bands *bands, int count, const float *signal,
    const float *log_sums, float unit, float limit, float *out, float *scratch);

// log(max(band sum, floor)) of each frame, [count][bands].
void foley_frames_analyze(
    const foley_frames *frames, const foley_bands *bands, int count, const float *signal, float unit,
    float floor, float *log_sums, float *scratch);

#if defined(__cplusplus)
}
#endif
