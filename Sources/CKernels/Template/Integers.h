// Products of numbers rounded to eight bits. Included once per instruction set with
//   LANES, TILE_ROWS  as for Kernels.h
//   DOTS              1: the processor multiplies four pairs of bytes and adds them up in one instruction
//   INTEGER_TABLE     name of the table of functions
//   LEVEL             its FoleyLevel
//
// A word is what one lane of a product takes at a time: with DOTS four values as unsigned bytes, 128 added to
// each; without, two values as signed 16-bit integers. Both give the same integers, for nothing saturates. The
// 128s are taken away by starting each sum at -128 times the sum of its weights.
//
// Weights lie in memory as they are; those of a panel of columns are turned to [words][PANEL] beside the
// product, which costs about a hundredth of it. All of the depth is summed in registers: bytes are so few that
// a panel and a tile stay in the caches.

#include "Vector.h"
#include "Functions.h"
#include "Stored.h"
#include "Rounding.h"
#include "Finish.h"

#if DOTS
#define WORD_VALUES 4
#define ZERO_WORD ((int32_t)0x80808080)
#else
#define WORD_VALUES 2
#define ZERO_WORD 0
#endif

/// sum + the products of a word's values, all in 32 bits. `a` holds activations, `b` weights.
INLINE Integers dot(Integers sum, Integers a, Integers b) {
#if DOTS && LANES == 16
  return (Integers)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#elif DOTS && LANES == 8
  return (Integers)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)a, (__m256i)b);
#elif LANES == 16
  return sum + (Integers)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif LANES == 8
  return sum + (Integers)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return sum + (Integers)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
  // Low and high halves of each lane, sign and all.
  return sum + ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
#endif
}

// MARK: Rounding

/// Rows of f32 to words, each with a scale of its own.
static void round_rows(
    const float *x, long width, int32_t *words, float *scales, long row0, long row1) {
  const long count = (width + WORD_VALUES - 1) / WORD_VALUES;
  for (long r = row0; r < row1; r++) {
    const float *from = x + r * width;
    const float top = largest_magnitude((const char *)from, FoleyF32, width);
    const float factor = rounding_factor(top);
    scales[r] = rounding_scale(top);
    int32_t *to = words + r * count;
    to[count - 1] = ZERO_WORD;
    for (long j = 0; j < width; j += LANES) {
      const long left = minimum(LANES, width - j);
      const Integers rounded = rounded_to_integers(load_upto(from + j, left) * factor);
#if DOTS
      const Bytes values = __builtin_convertvector(rounded, Bytes) ^ (int8_t)-128;
#else
      const Halves values = __builtin_convertvector((Words)rounded, Halves);
#endif
      char *place = (char *)to + j * (4 / WORD_VALUES);
      if (left == LANES)
        memcpy(place, &values, sizeof values);
      else
        memcpy(place, &values, (size_t)(left * (4 / WORD_VALUES)));
    }
  }
}

// MARK: Registers

/// c[i][0 ..< PANEL] = (accumulate ? c[i] : 0) + scales[i * scaleStride] * factors * (offsets + sum over w of
/// a[i][w] . b[w][0 ..< PANEL]), where `b` follows the PANEL offsets.
INLINE void dot_rows(
    const int rows, long words, const int32_t *a, long aStride, const int32_t *b, float *c, long cStride,
    const float *scales, long scaleStride, const float *factors, int accumulate) {
  Integers left[TILE_ROWS], right[TILE_ROWS];
  const Integers start0 = load_integers(b), start1 = load_integers(b + LANES);
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    __builtin_prefetch(c + i * cStride, 1, 3);
    __builtin_prefetch(c + i * cStride + PANEL - 1, 1, 3);
    left[i] = start0;
    right[i] = start1;
  }
  b += PANEL;
  for (long w = 0; w < words; w++) {
    const Integers b0 = load_integers(b), b1 = load_integers(b + LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      const Integers x = splat_integer(a[i * aStride]);
      left[i] = dot(left[i], x, b0);
      right[i] = dot(right[i], x, b1);
    }
    a++;
    b += PANEL;
  }
  const Vector f0 = load(factors), f1 = load(factors + LANES);
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    float *to = c + i * cStride;
    const float scale = scales[i * scaleStride];
    const Vector l = __builtin_convertvector(left[i], Vector) * (f0 * scale);
    const Vector r = __builtin_convertvector(right[i], Vector) * (f1 * scale);
    store(to, accumulate ? load(to) + l : l);
    store(to + LANES, accumulate ? load(to + LANES) + r : r);
  }
}

typedef void IntegerTile(
    long words, const int32_t *a, long aStride, const int32_t *b, float *c, long cStride,
    const float *scales, long scaleStride, const float *factors, int accumulate);

#define INTEGER_TILE(n)                                                                               \
  static void integer_tile_##n(                                                                       \
      long words, const int32_t *a, long aStride, const int32_t *b, float *c, long cStride,           \
      const float *scales, long scaleStride, const float *factors, int accumulate) {                  \
    dot_rows(n, words, a, aStride, b, c, cStride, scales, scaleStride, factors, accumulate);          \
  }
INTEGER_TILE(1) INTEGER_TILE(2) INTEGER_TILE(3) INTEGER_TILE(4) INTEGER_TILE(5)
#if TILE_ROWS > 5
INTEGER_TILE(6)
#endif
#if TILE_ROWS > 6
INTEGER_TILE(7) INTEGER_TILE(8)
#endif
#if TILE_ROWS > 8
INTEGER_TILE(9) INTEGER_TILE(10) INTEGER_TILE(11) INTEGER_TILE(12) INTEGER_TILE(13) INTEGER_TILE(14)
#endif

/// By number of rows.
static IntegerTile *const integer_tile_of_rows[TILE_ROWS + 1] = {
    0, integer_tile_1, integer_tile_2, integer_tile_3, integer_tile_4, integer_tile_5,
#if TILE_ROWS > 5
    integer_tile_6,
#endif
#if TILE_ROWS > 6
    integer_tile_7, integer_tile_8,
#endif
#if TILE_ROWS > 8
    integer_tile_9, integer_tile_10, integer_tile_11, integer_tile_12, integer_tile_13, integer_tile_14,
#endif
};

// MARK: Weights

/// The first `count` values (at most LANES words of them) of a row of weights as words, then zeros.
INLINE Integers weight_words(const int8_t *from, long count) {
  int8_t padded[WORD_VALUES * LANES];
  if (count < WORD_VALUES * LANES) {
    memset(padded, 0, sizeof padded);
    memcpy(padded, from, (size_t)count);
    from = padded;
  }
  Integers words;
#if DOTS
  memcpy(&words, from, sizeof words);
#else
  typedef int8_t Row __attribute__((vector_size(2 * LANES)));
  typedef int16_t Pairs __attribute__((vector_size(4 * LANES)));
  Row row;
  memcpy(&row, from, sizeof row);
  words = (Integers)__builtin_convertvector(row, Pairs);
#endif
  return words;
}

/// One tap of a panel: PANEL offsets, then [words][PANEL]; zeros for columns past the last.
static void pack_integers(const FoleyProduct *p, long column, long tap, int32_t *to) {
  const long depth = p->places.depth, words = (depth + WORD_VALUES - 1) / WORD_VALUES;
  const int8_t *weight = (const int8_t *)p->weight + tap * p->tapStride;
  for (int half = 0; half < 2; half++) {
    const long n = column + half * LANES;
    const long rows = maximum(0, minimum(LANES, p->columns - n));
    int32_t *packed = to + PANEL + half * LANES;
    Integers total = {0};
    for (long w = 0; w < words; w += LANES) {
      const long left = depth - w * WORD_VALUES;
      Vector square[LANES];
      for (int i = 0; i < LANES; i++)
        square[i] = i < rows
            ? (Vector)weight_words(weight + (n + i) * p->weightStride + w * WORD_VALUES, left)
            : (Vector){0};
      transpose_square(square);
      for (int i = 0; i < minimum(LANES, words - w); i++) {
        store((float *)packed + (w + i) * PANEL, square[i]);
#if DOTS
        total = dot(total, splat_integer(0x01010101), (Integers)square[i]);
#endif
      }
    }
    total *= -128;
    memcpy(to + half * LANES, &total, sizeof total);
  }
}

// MARK: All of it

static long integer_scratch(const FoleyProduct *p, long columns) {
  const long panels = (columns + PANEL - 1) / PANEL;
  const long words = (p->places.depth + WORD_VALUES - 1) / WORD_VALUES;
  return panels * p->places.kernelWidth * (words + 1) * PANEL + TILE_ROWS * PANEL + PANEL;
}

static void integer_product(
    const FoleyProduct *p, const FoleyIntegers *x, long row0, long row1, long column0, long column1,
    float *scratch) {
  const FoleyPlaces *places = &p->places;
  const long words = (places->depth + WORD_VALUES - 1) / WORD_VALUES;
  const long taps = places->kernelWidth, tapSize = (words + 1) * PANEL;
  const long panels = (column1 - column0 + PANEL - 1) / PANEL;
  const int in_place =
      !p->bias && !p->residual && !p->snake.alpha && p->activation == FoleyIdentity;
  int32_t *packed = (int32_t *)scratch;
  float *edge = scratch + panels * taps * tapSize;
  float *factors = edge + TILE_ROWS * PANEL;

  for (long panel = 0; panel < panels; panel++)
    for (long tap = 0; tap < taps; tap++)
      pack_integers(p, column0 + panel * PANEL, tap, packed + (panel * taps + tap) * tapSize);

  for (long row = row0; row < row1;) {
    // Tiles do not reach from one batch entry into the next, so their rows are evenly spaced.
    const long entry = row / places->outWidth, end = minimum(row1, (entry + 1) * places->outWidth);
    const long tiles = (end - row + TILE_ROWS - 1) / TILE_ROWS;
    const long height = (end - row + tiles - 1) / tiles;
    const long place = entry * x->places + (row - entry * places->outWidth) * places->strideX;
    for (long panel = 0; panel < panels; panel++) {
      const long column = column0 + panel * PANEL;
      const long width = minimum(PANEL, column1 - column);
      // The last panel may be narrower than the vectors; it is kept beside the result.
      const int narrow = width < PANEL;
      float *c = narrow ? edge : p->out + row * p->outStride + column;
      const long cStride = narrow ? PANEL : p->outStride;
      memcpy(factors, p->scales + column, (size_t)width * sizeof(float));
      for (long tap = 0; tap < taps; tap++) {
        const long first = place + tap * places->dilationX;
        integer_tile_of_rows[height](
            words, x->words + first * words, places->strideX * words,
            packed + (panel * taps + tap) * tapSize, c, cStride, x->scales + first, places->strideX,
            factors, tap > 0);
      }
      if (narrow || !in_place) finish(p, row, height, column, width, c, cStride);
    }
    row += height;
  }
}

// MARK: Speed

/// Nothing but dot products in registers: `rounds` times 24 vectors of them.
static int32_t integer_peak(long rounds) {
  Integers sums[12];
  Integers a = splat_integer((int32_t)rounds), b = splat_integer((int32_t)(rounds >> 8));
#pragma clang loop unroll(full)
  for (int i = 0; i < 12; i++) sums[i] = a + i;
  for (long round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 24; i++) {
      sums[i % 12] = dot(sums[i % 12], a, b);
      TOUCH(a);
    }
  }
  Integers total = {0};
  for (int i = 0; i < 12; i++) total += sums[i];
  return total[0];
}

const FoleyIntegerKernels INTEGER_TABLE = {
    .level = LEVEL,
    .dots = DOTS,
    .panel = PANEL,
    .wordValues = WORD_VALUES,
    .zeroWord = ZERO_WORD,
    .roundRows = round_rows,
    .productScratch = integer_scratch,
    .product = integer_product,
    .peak = integer_peak,
    .peakOperations = 24 * LANES * WORD_VALUES * 2,
};
