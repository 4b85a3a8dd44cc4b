// Pictures of high dynamic range as an ordinary screen would show them: what watches the motion and names
// the things in a picture knows no other.

#include <math.h>
#include <pthread.h>

#include "Internal.h"

/// Light is counted in units of the white of ordinary pictures: 203 cd/m2 (ITU-R BT.2408).
static const double WHITE = 203;

enum { PQ = 0, HLG = 1, TRANSFERS = 2, STEPS = 4096 };

/// Light of each code value, and of each code value for a grey picture of its own.
static float light[TRANSFERS][256];
static uint8_t grey[TRANSFERS][256];
/// Code value of light 0 ... 1 in so many steps.
static uint8_t codes[STEPS + 1];

/// SMPTE ST 2084.
static double light_of_pq(double code) {
  double power = pow(code, 1 / 78.84375);
  double over = fmax(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power);
  return 10000 * pow(over, 1 / 0.1593017578125) / WHITE;
}

/// ITU-R BT.2100 on a screen of 1000 cd/m2, its system gamma taken for each colour by itself.
static double light_of_hlg(double code) {
  double scene =
    code <= 0.5 ? code * code / 3 : (exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12;
  return 1000 * pow(scene, 1.2) / WHITE;
}

/// As it is up to 0.8; what is brighter, up to the sun, is brought into the rest.
static double compressed(double light) {
  const double knee = 0.8;
  if (light <= knee) return fmax(light, 0);
  return knee + (1 - knee) * (1 - exp(-(light - knee) / (1 - knee)));
}

static uint8_t code_of(double light) {
  double code = light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055;
  return (uint8_t)(255 * code + 0.5);
}

static void make_tables(void) {
  for (int step = 0; step <= STEPS; step++) codes[step] = code_of((double)step / STEPS);
  for (int value = 0; value < 256; value++) {
    light[PQ][value] = (float)light_of_pq(value / 255.0);
    light[HLG][value] = (float)light_of_hlg(value / 255.0);
    for (int t = 0; t < TRANSFERS; t++) grey[t][value] = code_of(compressed(light[t][value]));
  }
}

static inline uint8_t mapped(float value) {
  return codes[(int)(compressed(value) * STEPS + 0.5)];
}

void media_tone_map(
  uint8_t *pixels, int row_bytes, int width, int height, int format, const AVFrame *frame) {
  int is_pq = frame->color_trc == AVCOL_TRC_SMPTE2084;
  if (!is_pq && frame->color_trc != AVCOL_TRC_ARIB_STD_B67) return;
  static pthread_once_t made = PTHREAD_ONCE_INIT;
  pthread_once(&made, make_tables);
  int transfer = is_pq ? PQ : HLG;
  int is_wide = frame->color_primaries == AVCOL_PRI_BT2020
    || frame->color_primaries == AVCOL_PRI_UNSPECIFIED;
  for (int y = 0; y < height; y++) {
    uint8_t *row = pixels + (size_t)y * row_bytes;
    if (format != MEDIA_RGB24) {
      for (int x = 0; x < width; x++) row[x] = grey[transfer][row[x]];
      continue;
    }
    for (int x = 0; x < width; x++, row += 3) {
      float r = light[transfer][row[0]], g = light[transfer][row[1]], b = light[transfer][row[2]];
      if (is_wide) {
        // From the primaries of BT.2020 to those of BT.709 (ITU-R BT.2087).
        float wide_r = r, wide_g = g, wide_b = b;
        r = 1.6605f * wide_r - 0.5876f * wide_g - 0.0728f * wide_b;
        g = -0.1246f * wide_r + 1.1329f * wide_g - 0.0083f * wide_b;
        b = -0.0182f * wide_r - 0.1006f * wide_g + 1.1187f * wide_b;
      }
      row[0] = mapped(r), row[1] = mapped(g), row[2] = mapped(b);
    }
  }
}
